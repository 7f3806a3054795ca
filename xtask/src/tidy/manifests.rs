//! What every manifest of the workspace says the same way.

use crate::failure::Failure;
use crate::shell;
use crate::toml::Value;
use crate::workspace::{self, Member};

const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Fields, lints and versions that are not inherited, and folders named unlike their crate.
pub(crate) fn check(members: &[Member]) -> Result<Vec<String>, Failure> {
    let mut findings: Vec<String> = members.iter().flat_map(member).collect();
    let root = workspace::read_toml(&shell::root().join("Cargo.toml"))?;
    let shared = root
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let shared = shared.map(Value::entries).unwrap_or_default();
    for name in shared.keys() {
        let used = members.iter().any(|member| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .iter()
                .any(|table| member.dependencies(table).contains_key(name))
        });
        let ours = shared
            .get(name)
            .is_some_and(|entry| entry.get("path").is_some());
        if !used && !ours {
            findings.push(format!(
                "Cargo.toml: no crate uses the workspace dependency {name}"
            ));
        }
    }
    Ok(findings)
}

fn member(member: &Member) -> Vec<String> {
    let mut findings = Vec::new();
    let name = &member.name;
    let inherits = |value: Option<&Value>| {
        value.and_then(|value| value.get("workspace")) == Some(&Value::Bool(true))
    };
    let package = member.manifest.get("package");
    for field in INHERITED {
        if !inherits(package.and_then(|package| package.get(field))) {
            findings.push(format!(
                "{name}: `{field}.workspace = true` is missing in [package]"
            ));
        }
    }
    if package
        .and_then(|package| package.get("description"))
        .is_none()
    {
        findings.push(format!("{name}: [package] has no description"));
    }
    if !inherits(member.manifest.get("lints")) {
        findings.push(format!("{name}: `[lints] workspace = true` is missing"));
    }
    if member
        .path
        .file_name()
        .is_none_or(|folder| folder != name.as_str())
    {
        findings.push(format!("{name}: its folder has another name"));
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (dependency, value) in member.dependencies(table) {
            if !inherits(Some(&value)) {
                findings.push(format!(
                    "{name}: {dependency} in [{table}] is not `workspace = true`"
                ));
            }
        }
    }
    findings
}
