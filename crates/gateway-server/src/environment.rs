//! The process's variables and files, as arguments for everybody else.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gateway_core::config::{FileText, Lookup};
use gateway_core::provider::Environment;
use gateway_core::schema::Secret;

/// A variable; empty counts as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment of the process is read"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    // A name with `=` or NUL is no variable; the standard library answers so, too.
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The largest file that a configuration may refer to.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Variables and files of the process, and which files were asked for.
#[derive(Debug, Default)]
pub(crate) struct ProcessEnvironment {
    read: Mutex<BTreeSet<PathBuf>>,
}

impl ProcessEnvironment {
    /// The files that were read so far: what a configuration depends on besides itself.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
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
        let length = match std::fs::metadata(path) {
            Ok(about) if about.is_file() => about.len(),
            Ok(_) => return FileText::Absent,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::PermissionDenied => FileText::Unreadable(error.to_string()),
                    _ => FileText::Absent,
                };
            }
        };
        if length > LARGEST_FILE {
            return FileText::Unreadable(format!(
                "it has {length} bytes; the most is {LARGEST_FILE}"
            ));
        }
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                read.insert(path.to_owned());
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
        std::fs::read_to_string(path).ok()
    }
}
