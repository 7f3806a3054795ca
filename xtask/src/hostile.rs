//! `hostile`: programs that attack the running binary, each in a way that once worked.

use std::path::Path;

use crate::args::Args;
use crate::conformance;
use crate::failure::Failure;
use crate::install;
use crate::shell;
use crate::tally::Tally;

/// Runs every attack once, or, with `--long`, five times.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    if !install::program("python3", "python3") || !Path::new("/proc/self/status").exists() {
        println!("skipped: hostile needs python3 and Linux");
        return Ok(Tally::SKIPPED);
    }
    let gateway = match args.option("--gateway") {
        Some(path) => std::path::absolute(path)?,
        None => conformance::build(args.option("--profile").unwrap_or("dev"))?,
    };
    let mut command = shell::command("python3", &["xtask/conformance/hostile/run.py"]);
    command.arg("--gateway").arg(gateway);
    if let Some(pattern) = args.word(0) {
        command.args(["--only", pattern]);
    }
    if args.has("--long") {
        command.arg("--long");
    }
    conformance::count(&mut command)
}
