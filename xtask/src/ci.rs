//! `ci`: every check and every test, in one go, to the end.

use std::fs;
use std::time::Instant;

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;
use crate::test;
use crate::verbs::{self, Verb};

/// What is run, cheapest first.
const STEPS: [(&str, &[&str]); 11] = [
    ("fmt", &["--check"]),
    ("tidy", &[]),
    ("deny", &[]),
    ("lint", &[]),
    ("features", &[]),
    ("test", &[]),
    ("codegen", &["--check"]),
    ("conformance", &[]),
    ("hostile", &[]),
    ("bench", &["--instructions", "--check"]),
    ("doc", &[]),
];

/// Runs every step, whatever came before it, and sums up at the end.
pub(crate) fn run(_: &Args) -> Result<Tally, Failure> {
    // The closing line of an earlier run must not stand in this one's summary.
    let closing = test::summary_file(&shell::target_dir());
    if closing.exists() {
        fs::remove_file(&closing)?;
    }
    let mut report = Vec::new();
    let mut total = Tally::default();
    for (name, words) in STEPS {
        println!("\n== {name}");
        let started = Instant::now();
        let tally = step(name, words).unwrap_or_else(|error| {
            println!("{name}: {error}");
            Tally::FAILED
        });
        report.push(format!(
            "{name:<12} {:>5} s  {tally}",
            started.elapsed().as_secs()
        ));
        total += tally;
    }
    println!("\n== summary");
    for line in report {
        println!("{line}");
    }
    println!("{}", fs::read_to_string(closing).unwrap_or_default());
    Ok(total)
}

fn step(name: &str, words: &[&str]) -> Result<Tally, Failure> {
    let verb: &Verb = verbs::find(name)?;
    let args = Args::parse(words.iter().map(|word| (*word).to_owned()), &verb.accepts)?;
    (verb.run)(&args)
}
