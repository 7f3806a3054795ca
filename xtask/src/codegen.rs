//! `codegen`: pages of `docs/reference` that are made from the program.

use std::fs;
use std::path::PathBuf;

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// A page, the program that prints it, and the arguments that make it.
const PAGES: [(&str, &str, &[&str]); 4] = [
    (
        "docs/reference/config.schema.json",
        "gateway-server",
        &["schema"],
    ),
    (
        "docs/reference/matrix.md",
        "gateway-conformance",
        &["matrix"],
    ),
    ("docs/reference/metrics.md", "gateway-server", &["metrics"]),
    (
        "docs/reference/providers.md",
        "gateway-server",
        &["providers"],
    ),
];

/// Writes the pages; with `--check` says which differ from what is checked in.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for (page, program, words) in PAGES {
        let run = ["run", "--quiet", "--locked", "--package", program, "--"];
        let made = shell::read(shell::cargo(&run).args(words))?;
        let path: PathBuf = shell::root().join(page);
        let same = fs::read_to_string(&path).is_ok_and(|have| have == made);
        if !same && args.has("--check") {
            println!("codegen: {page} is not what the program says: run `cargo xtask codegen`");
        } else if !same {
            fs::write(&path, made)?;
            println!("codegen: wrote {page}");
        }
        tally += Tally::check(same || !args.has("--check"));
    }
    Ok(tally)
}
