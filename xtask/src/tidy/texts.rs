//! Rules about words in files: re-exports, goldens, documentation, machine paths.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::source;
use crate::failure::Failure;
use crate::shell;
use crate::workspace::{self, Member};

/// Paths of one person's machine, which mean nothing on another; in two halves, so that this file has none itself.
const MACHINE: [(&str, &str); 4] = [
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/wo", "rk/"),
    ("/Use", "rs/"),
];

/// `pub use` of a crate of ours; only `gateway-core` does that, with what its own interface names.
pub(crate) fn reexports(_: &[Member]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for file in workspace::tracked()? {
        let place = file.to_string_lossy().into_owned();
        if !source::is_production(&place) {
            continue;
        }
        let text = fs::read_to_string(shell::root().join(&file))?;
        for (index, line) in text.lines().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("pub use gateway_") else {
                continue;
            };
            let name = rest
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            let contract = matches!(name, Some("schema" | "provider" | "config" | "http"));
            if !(contract && place.starts_with("crates/gateway-core/")) {
                findings.push(format!(
                    "{place}:{}: `pub use` of another crate of ours",
                    index + 1
                ));
            }
        }
    }
    Ok(findings)
}

/// Goldens that no test reads, and variants without the case they belong to.
pub(crate) fn goldens(members: &[Member]) -> Result<Vec<String>, Failure> {
    let files: BTreeSet<String> = workspace::tracked()?
        .iter()
        .map(|file| file.to_string_lossy().into_owned())
        .collect();
    let mut findings = Vec::new();
    for member in members {
        let folder = format!("crates/{}/tests/golden/", member.name);
        let goldens: Vec<_> = files
            .iter()
            .filter(|file| file.starts_with(&folder))
            .collect();
        let sources = files.iter().filter(|file| {
            file.starts_with(&format!("crates/{}/", member.name)) && source::is_rust(file)
        });
        let read = sources
            .map(|file| fs::read_to_string(shell::root().join(file)))
            .collect::<Result<Vec<_>, _>>()?;
        if !goldens.is_empty() && !read.iter().any(|text| text.contains("golden")) {
            findings.push(format!("{folder}: no test of {} reads it", member.name));
        }
        for golden in goldens {
            let Some((case, _variant)) = golden
                .strip_suffix(".json")
                .and_then(|stem| stem.rsplit_once('.'))
            else {
                continue;
            };
            if !case.ends_with('/') && !files.contains(&format!("{case}.json")) {
                findings.push(format!("{golden}: its case {case}.json is not there"));
            }
        }
    }
    Ok(findings)
}

/// Crates that the architecture page leaves out, and paths of somebody's machine.
pub(crate) fn check(members: &[Member]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let architecture =
        fs::read_to_string(shell::root().join("docs/ARCHITECTURE.md")).unwrap_or_default();
    for member in members {
        if !names(&architecture, &member.name) {
            findings.push(format!(
                "docs/ARCHITECTURE.md does not mention {}",
                member.name
            ));
        }
    }
    for file in workspace::tracked()? {
        let Ok(text) = fs::read_to_string(shell::root().join(&file)) else {
            continue;
        };
        findings.extend(machine_paths(&file, &text));
    }
    Ok(findings)
}

/// Whether `text` has `name` as a whole word, not as the start of a longer crate name.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let rest = text.get(at + name.len()..).unwrap_or_default();
        let longer = rest.starts_with('-') && rest.get(1..2).is_some_and(|c| c != " ");
        !longer && !rest.starts_with(|c: char| c.is_alphanumeric())
    })
}

fn machine_paths(file: &Path, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (first, second) in MACHINE {
            let path = format!("{first}{second}");
            let starts = |at: usize| {
                line.get(..at).is_some_and(|before| {
                    !before.ends_with(|c: char| c.is_alphanumeric() || "._-*}$~".contains(c))
                })
            };
            if line.match_indices(&path).any(|(at, _)| starts(at)) {
                findings.push(format!(
                    "{}:{}: a path of one machine: {path}",
                    file.display(),
                    index + 1
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_mentioned_by_its_whole_name() {
        assert!(names("the `gateway-store` crate", "gateway-store"));
        assert!(!names("the `gateway-store-redis` crate", "gateway-store"));
    }

    #[test]
    fn machine_paths_are_found_and_urls_are_not() {
        let path = format!("cd {}{}x", MACHINE[2].0, MACHINE[2].1);
        assert_eq!(machine_paths(Path::new("a"), &path).len(), 1);
        let url = format!("https://host.invalid{}{}x", MACHINE[2].0, MACHINE[2].1);
        assert_eq!(machine_paths(Path::new("a"), &url), Vec::<String>::new());
    }
}
