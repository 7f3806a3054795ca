//! `deny`: what may be in the dependency tree, as `deny.toml` says.
//!
//! Banned crates, duplicate versions, licences and sources are checked from `cargo tree` and `Cargo.lock`, without a
//! network. Advisories need a database and are left to cargo-deny, which reads the same file.

mod licence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;
use crate::toml::Value;
use crate::workspace;

/// Checks the tree of every platform with every feature.
pub(crate) fn run(_: &Args) -> Result<Tally, Failure> {
    let rules = workspace::read_toml(&shell::root().join("deny.toml"))?;
    let lock = fs::read_to_string(shell::root().join("Cargo.lock"))?;
    let mut problems = judge(&rules, &packages()?);
    problems.extend(sources(&lock));
    for problem in &problems {
        println!("deny: {problem}");
    }
    Ok(Tally::check(problems.is_empty()))
}

/// A package of the tree.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

fn packages() -> Result<BTreeSet<Package>, Failure> {
    let tree = [
        "tree",
        "--locked",
        "--workspace",
        "--target",
        "all",
        "--all-features",
        "-e",
        "normal,build,dev",
    ];
    let mut offline = shell::cargo(&tree);
    offline.args(["--prefix", "none", "--format", "{p}|{l}", "--offline"]);
    let mut online = shell::cargo(&tree);
    online.args(["--prefix", "none", "--format", "{p}|{l}"]);
    // Crates for other platforms are not downloaded by a build, so the first run on a new machine needs the registry.
    let text = shell::read(&mut offline).or_else(|_| shell::read(&mut online))?;
    Ok(text.lines().filter_map(package).collect())
}

/// Reads `name v1.2.3 (proc-macro)|MIT OR Apache-2.0 (*)`.
fn package(line: &str) -> Option<Package> {
    let (head, licence) = line.split_once('|')?;
    let mut words = head.split(' ');
    Some(Package {
        name: words.next()?.to_owned(),
        version: words.next()?.trim_start_matches('v').to_owned(),
        licence: licence.trim_end_matches(" (*)").to_owned(),
    })
}

fn judge(rules: &Value, packages: &BTreeSet<Package>) -> Vec<String> {
    let mut problems = Vec::new();
    let bans = rules.get("bans").cloned().unwrap_or(Value::Bool(false));
    let text = |rule: &Value, key: &str| {
        rule.get(key)
            .and_then(Value::text)
            .unwrap_or_default()
            .to_owned()
    };
    for rule in bans.get("deny").map(Value::items).unwrap_or_default() {
        let (name, reason) = (text(rule, "crate"), text(rule, "reason"));
        if packages.iter().any(|package| package.name == name) {
            problems.push(format!(
                "{name} is banned: {reason}; `cargo tree -i {name}` shows who brings it"
            ));
        }
    }
    let skips: Vec<_> = bans
        .get("skip")
        .map(Value::items)
        .unwrap_or_default()
        .iter()
        .collect();
    let skips: Vec<_> = skips
        .iter()
        .map(|rule| (text(rule, "crate"), text(rule, "reason")))
        .collect();
    problems.extend(duplicates(&skips, packages));
    let allowed = rules
        .get("licenses")
        .and_then(|licenses| licenses.get("allow"));
    let allowed = allowed.map(Value::texts).unwrap_or_default();
    for package in packages {
        match licence::allowed(&package.licence, &allowed) {
            Ok(true) => {}
            Ok(false) => problems.push(format!(
                "{} has the licence `{}`, which is not on the list",
                package.name, package.licence
            )),
            Err(why) => problems.push(format!(
                "{}: licence `{}`: {why}",
                package.name, package.licence
            )),
        }
    }
    problems
}

/// Two versions of one crate, unless all but one have a skip; and skips that skip nothing.
fn duplicates(skips: &[(String, String)], packages: &BTreeSet<Package>) -> Vec<String> {
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    let covers = |skip: &str, name: &str, version: &str| {
        skip.split_once('@').is_some_and(|(crate_name, prefix)| {
            let rest = version.strip_prefix(prefix);
            crate_name == name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let mut problems = Vec::new();
    for (name, found) in &versions {
        let left: Vec<_> = found
            .iter()
            .filter(|version| !skips.iter().any(|(skip, _)| covers(skip, name, version)))
            .collect();
        if found.len() > 1 && left.len() > 1 {
            problems.push(format!(
                "{name} is there in versions {}; one needs to go, or a dated skip",
                found.join(", ")
            ));
        }
    }
    for (skip, reason) in skips {
        let used = versions.iter().any(|(name, found)| {
            found.len() > 1 && found.iter().any(|version| covers(skip, name, version))
        });
        if !used {
            problems.push(format!("the skip of {skip} skips nothing: remove it"));
        }
        let dated = reason
            .get(..4)
            .is_some_and(|year| year.parse::<u16>().is_ok());
        if !dated {
            problems.push(format!(
                "the skip of {skip} needs a reason that starts with a date"
            ));
        }
    }
    problems
}

/// Packages that come from anywhere but the public registry.
fn sources(lock: &str) -> Vec<String> {
    let foreign = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "));
    let foreign = foreign
        .filter(|source| !source.contains("registry+") || !source.contains("/crates.io-index"));
    foreign
        .map(|source| {
            format!("Cargo.lock names the source {source}, which is not the public registry")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toml;

    fn tree(lines: &[&str]) -> BTreeSet<Package> {
        lines.iter().filter_map(|line| package(line)).collect()
    }

    #[test]
    fn bans_duplicates_and_licences_are_found() {
        let rules = "[bans]\ndeny = [{ crate = \"ring\", reason = \"r\" }]\nskip = [{ crate = \"syn@2\", reason = \"2026-01-01: x\" }]\n\
                     [licenses]\nallow = [\"MIT\"]";
        let packages = tree(&[
            "ring v1.0.0|MIT",
            "syn v2.1.0 (proc-macro)|MIT (*)",
            "syn v3.0.0|MIT",
            "a v1.0.0|MIT",
            "a v2.0.0|GPL-3.0",
        ]);
        let problems = judge(&toml::parse(rules).unwrap(), &packages);
        assert_eq!(problems.len(), 3, "{problems:#?}");
        for (problem, part) in problems.iter().zip([
            "ring is banned",
            "a is there in versions 1.0.0, 2.0.0",
            "`GPL-3.0`",
        ]) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn a_skip_needs_a_duplicate_and_a_date() {
        let skips = [("a@1".to_owned(), "later".to_owned())];
        assert_eq!(duplicates(&skips, &tree(&["a v1.0.0|MIT"])).len(), 2);
        assert_eq!(
            duplicates(&skips, &tree(&["a v1.0.0|MIT", "a v2.0.0|MIT"])).len(),
            1
        );
    }
}
