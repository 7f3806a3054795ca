//! Prints what is made of the conformance machinery: see the crate.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to a terminal"
)]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["matrix"] => {
            print!("{}", gateway_conformance::page());
            ExitCode::SUCCESS
        }
        ["requests", folder] => match gateway_conformance::write_requests(Path::new(folder)) {
            Ok(count) => {
                println!("{count} requests");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{folder}: {error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: gateway-conformance matrix | requests FOLDER");
            ExitCode::FAILURE
        }
    }
}
