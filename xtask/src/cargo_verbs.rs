//! `fmt`, `lint` and `doc`: one cargo command each.

use crate::args::Args;
use crate::failure::Failure;
use crate::shell::{cargo, run};
use crate::tally::Tally;

/// Formats the code, or says what is not formatted.
pub(crate) fn fmt(args: &Args) -> Result<Tally, Failure> {
    let mut command = cargo(&["fmt", "--all"]);
    if args.has("--check") {
        command.arg("--check");
    }
    run(&mut command).map(Tally::check)
}

/// Clippy over every target; a warning is an error.
pub(crate) fn lint(_: &Args) -> Result<Tally, Failure> {
    let lint = [
        "clippy",
        "--quiet",
        "--keep-going",
        "--locked",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    run(&mut cargo(&lint)).map(Tally::check)
}

/// Builds the documentation; a broken link is an error.
pub(crate) fn doc(_: &Args) -> Result<Tally, Failure> {
    let mut command = cargo(&[
        "doc",
        "--quiet",
        "--keep-going",
        "--locked",
        "--workspace",
        "--no-deps",
    ]);
    run(command.env("RUSTDOCFLAGS", "-D warnings")).map(Tally::check)
}
