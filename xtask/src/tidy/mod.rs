//! `tidy`: the rules of the code base that a compiler does not know.
//!
//! One module per family; each returns its findings as `place: what is wrong`.

mod layers;
mod manifests;
mod pattern;
mod sizes;
mod source;
mod texts;

use crate::args::Args;
use crate::failure::Failure;
use crate::tally::Tally;
use crate::workspace::{self, Member};

/// A family of rules.
type Rule = fn(&[Member]) -> Result<Vec<String>, Failure>;

const RULES: [(&str, Rule); 6] = [
    ("layers", layers::check),
    ("manifests", manifests::check),
    ("sizes", sizes::check),
    ("re-exports", texts::reexports),
    ("goldens", texts::goldens),
    ("texts", texts::check),
];

/// Checks every rule.
pub(crate) fn run(_: &Args) -> Result<Tally, Failure> {
    let members = workspace::members()?;
    let mut tally = Tally::default();
    for (name, rule) in RULES {
        let findings = rule(&members)?;
        for finding in &findings {
            println!("tidy: {name}: {finding}");
        }
        tally += Tally::check(findings.is_empty());
    }
    Ok(tally)
}
