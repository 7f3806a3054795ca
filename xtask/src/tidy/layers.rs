//! Who imports whom, against `xtask/layers.toml`.

use std::collections::BTreeSet;

use super::pattern::{fits, lookup};
use crate::failure::Failure;
use crate::shell;
use crate::toml::{Table, Value};
use crate::workspace::{self, Member};

/// Edges that are not allowed, budgets that are overspent, and lines of the file that say nothing.
pub(crate) fn check(members: &[Member]) -> Result<Vec<String>, Failure> {
    let file = workspace::read_toml(&shell::root().join("xtask/layers.toml"))?;
    let mut layers = Layers::new(&file, members);
    for member in members {
        layers.member(member);
    }
    Ok(layers.close())
}

struct Layers {
    level: Table,
    budget: Table,
    never: Table,
    tests_only: Vec<String>,
    except: BTreeSet<String>,
    used: BTreeSet<String>,
    ours: BTreeSet<String>,
    findings: Vec<String>,
}

impl Layers {
    fn new(file: &Value, members: &[Member]) -> Self {
        let table = |name: &str| file.get(name).map(Value::entries).unwrap_or_default();
        let tests = file.get("tests").and_then(|tests| tests.get("only"));
        Self {
            level: table("level"),
            budget: table("budget"),
            never: table("never"),
            tests_only: tests.map(Value::texts).unwrap_or_default(),
            except: table("except").into_keys().collect(),
            used: BTreeSet::new(),
            ours: members.iter().map(|member| member.name.clone()).collect(),
            findings: Vec::new(),
        }
    }

    fn member(&mut self, member: &Member) {
        let Some(level) = lookup(&self.level, &member.name) else {
            self.findings
                .push(format!("{} has no level in xtask/layers.toml", member.name));
            return;
        };
        let normal = member.dependencies("dependencies");
        for to in normal.keys() {
            self.edge(member, level, to, "");
            let never = self
                .never
                .get(&level.to_string())
                .map(Value::texts)
                .unwrap_or_default();
            if never.iter().any(|pattern| fits(pattern, to)) && !self.excepted(member, to, "") {
                self.findings.push(format!(
                    "{} is at level {level}, which must not know {to}",
                    member.name
                ));
            }
        }
        for to in member.dependencies("dev-dependencies").keys() {
            if !self.tests_only.contains(to) {
                self.edge(member, level, to, "dev:");
            }
        }
        let external = normal
            .keys()
            .filter(|name| !self.ours.contains(*name))
            .count();
        if let Some(budget) = lookup(&self.budget, &member.name)
            && i64::try_from(external).is_ok_and(|external| external > budget)
        {
            self.findings.push(format!(
                "{} names {external} external crates; its budget is {budget}",
                member.name
            ));
        }
    }

    /// Judges a dependency on a crate of this workspace.
    fn edge(&mut self, from: &Member, level: i64, to: &str, kind: &str) {
        if !self.ours.contains(to) || self.excepted(from, to, kind) {
            return;
        }
        let target = lookup(&self.level, to).unwrap_or(i64::MAX);
        if self.tests_only.iter().any(|name| name == to) {
            self.findings
                .push(format!("{} uses {to} outside its tests", from.name));
        } else if target >= level {
            let place = if kind.is_empty() { "" } else { " in its tests" };
            self.findings.push(format!("{} (level {level}) uses {to} (level {target}){place}; only lower levels are open to it", from.name));
        }
    }

    fn excepted(&mut self, from: &Member, to: &str, kind: &str) -> bool {
        let edge = format!("{kind}{} -> {to}", from.name);
        let excepted = self.except.contains(&edge);
        if excepted {
            self.used.insert(edge);
        }
        excepted
    }

    fn close(mut self) -> Vec<String> {
        for edge in self.except.difference(&self.used) {
            self.findings.push(format!(
                "the exception `{edge}` in xtask/layers.toml is not needed: remove it"
            ));
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toml;

    fn findings(manifests: &[(&str, &str)]) -> Vec<String> {
        let file = "[level]\nlow = 0\nmid = 1\nside = 1\ntool = 1\n[budget]\nlow = 1\n[never]\n0 = [\"tokio*\"]\n[tests]\n\
                    only = [\"tool\"]\n[except]\n\"dev:mid -> side\" = \"tested together\"";
        let members: Vec<Member> = manifests
            .iter()
            .map(|(name, text)| Member {
                name: (*name).to_owned(),
                path: "x".into(),
                manifest: toml::parse(text).unwrap(),
            })
            .collect();
        let mut layers = Layers::new(&toml::parse(file).unwrap(), &members);
        for member in &members {
            layers.member(member);
        }
        layers.close()
    }

    #[test]
    fn edges_downwards_and_excepted_ones_pass() {
        let mid = "[dependencies]\nlow = 1\n[dev-dependencies]\nside = 1\ntool = 1";
        let found = findings(&[("low", ""), ("mid", mid), ("side", ""), ("tool", "")]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn edges_upwards_sideways_and_past_the_budget_are_found() {
        let low = "[dependencies]\ntokio-util = 1\nserde = 1\nmid = 1";
        let mid = "[dependencies]\nside = 1\ntool = 1";
        let found = findings(&[
            ("low", low),
            ("mid", mid),
            ("side", ""),
            ("tool", ""),
            ("new", ""),
        ])
        .join("\n");
        for part in [
            "low (level 0) uses mid",
            "must not know tokio-util",
            "2 external crates",
            "mid (level 1) uses side",
            "mid uses tool outside",
            "new has no level",
            "`dev:mid -> side`",
        ] {
            assert!(found.contains(part), "{part} is not in:\n{found}");
        }
    }
}
