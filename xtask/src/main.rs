//! The repository's own commands: `cargo xtask VERB`.
//!
//! Standard library only, so that it builds in seconds and needs nothing installed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to a terminal"
)]

mod args;
mod bench;
mod cargo_verbs;
mod ci;
mod codegen;
mod conformance;
mod deny;
mod failure;
mod features;
mod fuzz;
mod golden;
mod hostile;
mod install;
mod new_provider;
mod services;
mod shell;
mod tally;
mod test;
mod tidy;
mod toml;
mod verbs;
mod workspace;

use std::process::ExitCode;

use args::Args;
use failure::Failure;
use tally::Tally;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(name) = words
        .next()
        .filter(|name| name != "help" && !name.starts_with('-'))
    else {
        help();
        return ExitCode::SUCCESS;
    };
    match run(&name, words) {
        Ok(tally) => {
            println!("{tally}");
            if tally.failed == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, words: impl Iterator<Item = String>) -> Result<Tally, Failure> {
    let verb = verbs::find(name)?;
    (verb.run)(&Args::parse(words, &verb.accepts)?)
}

fn help() {
    println!("cargo xtask VERB [ARGUMENTS]\n");
    for verb in verbs::VERBS {
        println!("  {:<13} {}", verb.name, verb.help);
        if verb.accepts.usage() != "nothing" {
            println!("  {:<13} {}", "", verb.accepts.usage());
        }
    }
}
