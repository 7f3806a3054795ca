//! `features`: every crate that has features is checked with none of them, with each alone and with all.

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;
use crate::toml::Value;
use crate::workspace;

/// Runs clippy for each combination; a warning is an error.
pub(crate) fn run(_: &Args) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for member in workspace::members()? {
        let features = member.manifest.get("features").map(Value::entries);
        let names: Vec<String> = features
            .unwrap_or_default()
            .into_keys()
            .filter(|name| name != "default")
            .collect();
        let alone = names
            .iter()
            .map(|name| vec!["--no-default-features", "--features", name]);
        let all = [vec!["--no-default-features"], vec!["--all-features"]];
        for flags in all.into_iter().chain(alone).filter(|_| !names.is_empty()) {
            let clippy = ["clippy", "--quiet", "--locked", "--package", &member.name];
            let mut command = shell::cargo(&clippy);
            command.args(flags).args(["--", "-D", "warnings"]);
            tally += Tally::check(shell::run(&mut command)?);
        }
    }
    Ok(tally)
}
