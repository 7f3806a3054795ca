//! `golden`: the tests that compare with files below `tests/golden`.

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// The variable that makes golden tests write what they got instead of comparing.
const BLESS: &str = "GATEWAY_BLESS";

/// Runs them; with `--bless` the files are rewritten, and the diff is what review reads.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let mut command = shell::cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--lib",
        "--tests",
        "golden",
    ]);
    if args.has("--bless") {
        command.env(BLESS, "1");
    }
    shell::run(&mut command).map(Tally::check)
}
