//! The process's variables and files, as arguments for everybody else.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gateway_core::config::{FileText, Lookup};
use gateway_core::provider::Environment;
use gateway_core::schema::Secret;

use crate::files::{self, LARGEST_REFERENCE};

/// A variable; empty counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment of the process is read"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    // A name with `=` or NUL is no variable; the standard library answers so, too.
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What tells one content of a file from another, without keeping the content: it may be a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a content.
    pub(crate) fn of(content: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(content);
        Self(hasher.finish())
    }
}

/// Variables and files of the process, and which files were asked for.
#[derive(Debug, Default)]
pub(crate) struct ProcessEnvironment {
    read: Mutex<BTreeMap<PathBuf, Fingerprint>>,
}

impl ProcessEnvironment {
    /// The files that were read so far, as they were: what a configuration depends on besides itself.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Fingerprint> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.clone()
    }
}

impl Lookup for ProcessEnvironment {
    fn env(&self, name: &str) -> Option<String> {
        variable(name)
    }

    fn file(&self, path: &str) -> FileText {
        let path = Path::new(path);
        // Most texts are no paths at all.
        match std::fs::metadata(path) {
            Ok(about) if about.is_file() => {}
            Ok(_) => return FileText::Absent,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::PermissionDenied => FileText::Unreadable(error.to_string()),
                    _ => FileText::Absent,
                };
            }
        }
        match text(path) {
            Ok(text) => {
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                read.insert(path.to_owned(), Fingerprint::of(text.as_bytes()));
                FileText::Text(Secret::new(text))
            }
            Err(error) => FileText::Unreadable(error.to_string()),
        }
    }
}

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        variable(name)
    }

    fn read(&self, path: &str) -> Option<String> {
        text(Path::new(path)).ok()
    }
}

/// The content of a file that a configuration refers to.
fn text(path: &Path) -> std::io::Result<String> {
    let content = files::read(path, LARGEST_REFERENCE)?;
    String::from_utf8(content)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}
