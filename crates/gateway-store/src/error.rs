//! How a store fails.

use std::fmt;
use std::pin::Pin;

/// Why a store did not do what was asked of it. One variant per thing a caller can do something about.
///
/// `Display` is for logs and for administrators; it never holds a secret, because no port passes one in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or did not answer in time. Whether a write was done is unknown: read before
    /// trying again.
    Unavailable(String),
    /// Somebody else changed it since it was read. Nothing was written; read again and decide anew.
    Conflict {
        /// What was changed: the revision, or an entity by kind and id.
        what: String,
        /// The version that the caller had read.
        expected: u64,
        /// The version that stands there now; 0 when it is gone.
        found: u64,
    },
    /// The name (or another value that must be unique) is taken. Nothing was written.
    Exists(String),
    /// What should be changed is not there. Nothing was written.
    NotFound(String),
    /// Something else refers to what should be removed. Nothing was written.
    InUse(String),
    /// What is stored cannot be read: another version wrote it, or it is damaged. Trying again does not help.
    Unreadable(String),
}

impl StoreError {
    /// A store that is away, with the particulars.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable(detail.into())
    }

    /// True when the same question may get an answer later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(detail) | Self::Unreadable(detail) => f.write_str(detail),
            Self::Conflict {
                what,
                expected,
                found,
            } => write!(
                f,
                "{what} has changed since it was read: version {found}, expected {expected}"
            ),
            Self::Exists(what) => write!(f, "{what} exists already"),
            Self::NotFound(what) => write!(f, "there is no {what}"),
            Self::InUse(what) => write!(f, "{what} is in use"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A future that a store returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;
