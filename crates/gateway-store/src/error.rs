//! How a store fails.

use std::fmt::Write as _;
use std::pin::Pin;

use gateway_schema::ErrorKind;

use crate::definitions::{Change, EntityKind, EntityRef, Remembered, Revision};

/// Why a store did not do what it was called for: one variant for each thing a caller can do something about. Nothing was
/// changed, with every variant but [`Self::Unknown`]. No variant holds a plaintext credential, because no port passes one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The configuration is at another revision than the commit was checked at.
    #[error("the configuration changed from revision {base} to {current} meanwhile{}", summary(.changes))]
    Conflict {
        /// The revision of the commit.
        base: Revision,
        /// The newest revision.
        current: Revision,
        /// What changed between the two, oldest first, at most 100. Empty if the store was put back to an older state.
        changes: Vec<Change>,
    },
    /// The entity has another version than the caller has seen.
    #[error("the {entity} has version {found}, not {expected}; it was written last by {} at {updated_at}", name_of(.updated_by.as_deref()))]
    Stale {
        /// Which.
        entity: EntityRef,
        /// The version that was expected.
        expected: u64,
        /// The version it has.
        found: u64,
        /// Who wrote it.
        updated_by: Option<String>,
        /// When, in milliseconds since 1970.
        updated_at: u64,
    },
    /// There is no such entity.
    #[error("there is no {0}")]
    NotFound(EntityRef),
    /// The id is in use.
    #[error("there is a {0} already")]
    IdTaken(EntityRef),
    /// The name is in use.
    #[error("the name `{name}` is taken by the {kind} `{id}` of workspace `{workspace}`")]
    NameTaken {
        /// The kind.
        kind: EntityKind,
        /// The workspace.
        workspace: String,
        /// The name.
        name: String,
        /// The id of the entity that has it.
        id: String,
    },
    /// A value is outside its bounds.
    #[error("{field}: found {found}; allowed is {allowed}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What was found, shortened.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The idempotency key was used before.
    #[error("the idempotency key was used before")]
    Repeated(Box<Remembered>),
    /// The store is away, busy, or not allowed to answer. Trying again may help.
    #[error("{0}")]
    Unavailable(String),
    /// The connection broke during a write, and whether it was made could not be found out. Read before trying again.
    #[error("whether the change was made is not known: {0}")]
    Unknown(String),
    /// The store can be read only.
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// The disk is full.
    #[error("the disk of the store is full: {0}")]
    Full(String),
    /// The tables are not those of this program.
    #[error("{0}")]
    Schema(String),
    /// The content is damaged, or something else than a gateway changed it.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A future that a store returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl StoreError {
    /// A store that is away, with the particulars.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable(detail.into())
    }

    /// Whether the same call may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The kind for callers.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. }
            | Self::Stale { .. }
            | Self::IdTaken(_)
            | Self::NameTaken { .. }
            | Self::Invalid { .. }
            | Self::Repeated(_) => ErrorKind::InvalidRequest,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Unavailable(_) | Self::Unknown(_) | Self::ReadOnly(_) | Self::Full(_) => {
                ErrorKind::Unavailable
            }
            Self::Schema(_) | Self::Damaged(_) => ErrorKind::Internal,
        }
    }
}

fn name_of(actor: Option<&str>) -> &str {
    actor.unwrap_or("an unknown author")
}

/// The first changes in words.
fn summary(changes: &[Change]) -> String {
    let mut text = String::new();
    for (at, change) in changes.iter().take(3).enumerate() {
        let actor = name_of(change.actor.as_deref());
        let before = if at == 0 { ": " } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "{before}{actor} {} {} `{}`",
            change.action.past(),
            change.entity.kind,
            change.name
        );
    }
    if changes.len() > 3 {
        let _ = write!(text, " and {} more", changes.len() - 3);
    }
    text
}
