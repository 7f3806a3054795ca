//! Configuration as it is stored: entities under one revision.
//!
//! A store keeps entities (an endpoint, a route, a virtual key, ...) and one number, the [`Revision`], which grows by
//! one with every commit. Readers take a [`Snapshot`], build what they need from it, and follow the revision. Writers
//! load a snapshot, decide, and [`commit`](DefinitionStore::commit) a list of changes *against the revision they read*:
//! either all of them are written, with one audit row each, or none.
//!
//! The store knows nothing about what an entity means. Whether a set of entities makes a plan is checked before the
//! commit, by `gateway_config::Plan::check`.
//!
//! Secrets: a `spec` holds references to secrets, never their values. A sealed secret is an entity of its own
//! ([`EntityKind::Secret`]), whose `spec` holds ciphertext only.
//!
//! ```
//! use gateway_store::definitions::{
//!     Author, Change, Commit, DefinitionStore, EntityKind, MemoryDefinitions, Revision,
//! };
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gateway_store::StoreError> {
//! let store = MemoryDefinitions::new();
//! let spec = json!({"endpoint_type": "llm/v1/chat"});
//! let change = Change::create(EntityKind::Endpoint, "e-1", "chat", spec);
//! let commit = Commit::new(Revision::default(), Author::new("alice"), 1_767_225_600_000, vec![change]);
//! let revision = store.commit(commit.clone()).await?;
//!
//! let snapshot = store.load().await?;
//! assert_eq!(snapshot.revision, revision);
//! assert_eq!(snapshot.find(EntityKind::Endpoint, "e-1").map(|it| it.version), Some(1));
//!
//! // The same commit again was decided on what no longer holds: it is refused, and changes nothing.
//! assert!(store.commit(commit).await.is_err());
//! # Ok(())
//! # }
//! ```

mod entity;
mod memory;

#[cfg(test)]
mod tests;

pub use entity::{
    Action, AuditRow, Author, Change, Commit, Entity, EntityKind, Revision, Snapshot,
};
pub use memory::MemoryDefinitions;

use crate::StoreFuture;

/// Keeps the configuration. Object-safe; called by administrators and by the task that follows changes, never on the
/// way of a call.
///
/// Cancellation: dropping the future of a read has no effect. Dropping that of a commit leaves it undecided, as does
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable): load the snapshot to learn what became of it. A commit
/// is never written in part.
pub trait DefinitionStore: Send + Sync + 'static {
    /// The newest revision. Cheap: one row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    fn revision(&self) -> StoreFuture<'_, Revision>;

    /// Every entity, of one revision: no commit is seen in part. In the order of kind, then name, then id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable), or
    /// [`StoreError::Unreadable`](crate::StoreError::Unreadable) when a row cannot be made into an entity.
    fn load(&self) -> StoreFuture<'_, Snapshot>;

    /// Writes all of these changes, their audit rows and the next revision in one transaction, or nothing. A commit
    /// without changes writes nothing and returns the revision as it is.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) when the revision is not the one that the commit was
    /// decided on, [`StoreError::Exists`](crate::StoreError::Exists) for a name (per kind and workspace) or id that is
    /// taken, [`StoreError::NotFound`](crate::StoreError::NotFound) for an entity that should be changed or removed and
    /// is not there, [`StoreError::InUse`](crate::StoreError::InUse) where the database refuses to remove what is
    /// referred to.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Revision>;

    /// Waits until the newest revision is not `known`, and returns it. May return early with `known` itself, so that
    /// a follower calls it in a loop; a follower that is behind gets the newest revision at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable): the follower waits and calls again.
    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision>;

    /// Audit rows after `number`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Self::load`].
    fn audit(&self, number: u64, limit: usize) -> StoreFuture<'_, Vec<AuditRow>>;
}
