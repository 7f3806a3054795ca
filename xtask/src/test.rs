//! `test`: the tests of every crate, their examples and the code in their documentation.

use std::path::Path;
use std::process::Command;

use crate::args::Args;
use crate::failure::Failure;
use crate::install;
use crate::services::Services;
use crate::shell;
use crate::tally::Tally;

/// Where the closing line of the test runner is kept for the summary of `ci`.
pub(crate) const SUMMARY: &str = "xtask-test-summary";

/// Runs the tests with nextest where it is installed, else with cargo's own runner.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let services = Services::start();
    install::parsers();
    let mut closing = Vec::new();
    let mut tally = Tally::default();
    let nextest = !args.has("--plain") && shell::exists("cargo-nextest");
    if nextest {
        let run = [
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--status-level",
            "fail",
            "--final-status-level",
            "fail",
        ];
        tally += count(services.lend(&mut shell::cargo(&run)), &mut closing)?;
    } else {
        println!("cargo-nextest is not installed: the tests run with cargo's own runner");
        let run = [
            "test",
            "--quiet",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ];
        tally += count(services.lend(&mut shell::cargo(&run)), &mut closing)?;
    }
    let documented = [
        "test",
        "--quiet",
        "--locked",
        "--workspace",
        "--no-fail-fast",
        "--doc",
    ];
    tally += count(&mut shell::cargo(&documented), &mut closing)?;
    // The line of the main run stands last, where readers of logs look.
    closing.reverse();
    std::fs::write(summary_file(&shell::target_dir()), closing.join("\n"))?;
    Ok(tally)
}

/// The file of [`SUMMARY`].
pub(crate) fn summary_file(target: &Path) -> std::path::PathBuf {
    target.join(SUMMARY)
}

/// Runs the command and adds up its closing lines; a command that failed without a failed test is one failure.
fn count(command: &mut Command, closing: &mut Vec<String>) -> Result<Tally, Failure> {
    let (succeeded, lines) = shell::watch(command)?;
    let mut tally = Tally::default();
    for line in &lines {
        let closes = line.trim_start().starts_with("Summary [") || line.starts_with("test result:");
        let counted = if closes { Tally::in_line(line) } else { None };
        if let Some(counted) = counted {
            tally += counted;
            if counted != Tally::default() {
                closing.push(line.trim().to_owned());
            }
        }
    }
    if !succeeded && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok(tally)
}
