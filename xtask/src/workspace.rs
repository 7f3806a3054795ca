//! What the repository holds: its crates, their manifests, its tracked files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::shell;
use crate::toml::{self, Table, Value};

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// The package name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Its manifest.
    pub(crate) manifest: Value,
}

impl Member {
    /// The dependencies of one table (`dependencies`, `dev-dependencies`, `build-dependencies`), those for single
    /// platforms included.
    pub(crate) fn dependencies(&self, table: &str) -> Table {
        let mut all = self
            .manifest
            .get(table)
            .map(Value::entries)
            .unwrap_or_default();
        for (_, target) in self
            .manifest
            .get("target")
            .map(Value::entries)
            .unwrap_or_default()
        {
            all.extend(target.get(table).map(Value::entries).unwrap_or_default());
        }
        all
    }
}

/// Reads a TOML file.
pub(crate) fn read_toml(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::from(error).at(path.display()))?;
    toml::parse(&text).map_err(|error| error.at(path.display()))
}

/// Every crate below `crates/`, and xtask, by name.
pub(crate) fn members() -> Result<Vec<Member>, Failure> {
    let mut folders = vec![shell::root().join("xtask")];
    for entry in fs::read_dir(shell::root().join("crates"))? {
        folders.push(entry?.path());
    }
    folders.sort();
    let mut members = Vec::new();
    for path in folders
        .into_iter()
        .filter(|path| path.join("Cargo.toml").is_file())
    {
        let manifest = read_toml(&path.join("Cargo.toml"))?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        let name = name.and_then(Value::text).unwrap_or_default().to_owned();
        members.push(Member {
            name,
            path,
            manifest,
        });
    }
    Ok(members)
}

/// The files that git tracks and that are there, relative to the root.
pub(crate) fn tracked() -> Result<Vec<PathBuf>, Failure> {
    let listed = shell::read(&mut shell::command("git", &["ls-files", "-z"]))?;
    let files = listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    Ok(files
        .filter(|file| shell::root().join(file).is_file())
        .collect())
}
