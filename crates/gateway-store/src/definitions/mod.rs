//! The configuration of a governed gateway: entities that administrators change while it serves.
//!
//! An [`Entity`] is a secret, a model, an endpoint, a key and so on: a [`EntityKind`], an id, a name that is unique for its kind
//! and workspace, and a JSON [`Document`] whose form only the layers above know. All entities together have one
//! [`Revision`], which every change raises by one. What references what is not known here: a use case loads everything,
//! applies its change, checks the candidate as a whole, and commits with the revision it loaded. A commit for any other
//! revision is refused with what changed meanwhile, so a check can never be outdated.
//!
//! ```
//! use gateway_store::definitions::{Author, Commit, DefinitionStore, Document, Draft, EntityKind, MemoryDefinitions, Write};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryDefinitions::new();
//! let loaded = store.load(None).await?;
//! let document = Document::from_value(&serde_json::json!({"provider": "openai", "model": "gpt-5"}))?;
//! let draft = Draft::new(EntityKind::MODEL_DEFINITION, "m-1", "fast", document);
//! let commit = Commit::new(loaded.revision, Author::named("admin"), 1_796_000_000_000).with(Write::Create(draft));
//! let committed = store.commit(commit).await?;
//! assert_eq!(committed.revision, loaded.revision.next());
//! # Ok(())
//! # }
//! ```

mod audit;
mod change;
mod document;
mod entity;
mod memory;
mod prepare;
mod query;

pub use audit::{Action, AuditPage, AuditQuery, AuditRow, BrokenChain, verify_chain};
pub use change::{Author, Change, Commit, Committed, Draft, Remembered, Write};
pub use document::{Document, DocumentError};
pub use entity::{DEFAULT_WORKSPACE, Entity, EntityKind, EntityRef, Revision, SealedValue};
pub use memory::MemoryDefinitions;
pub use prepare::{Existing, NameKey, Prepared, prepare};
pub use query::{Cursor, FieldFilter, List, MAX_PAGE, Order, Page};

use crate::StoreFuture;
use crate::shared::LinkStatus;

/// The configuration at one revision, or what changed since another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The revision of the whole.
    pub revision: Revision,
    /// Whether this is everything. If not, it is what changed after the revision that was asked for.
    pub whole: bool,
    /// Entities as they are at `revision`, by kind and id.
    pub entities: Vec<Entity>,
    /// Entities that are gone. Empty if `whole`.
    pub removed: Vec<EntityRef>,
}

/// What one process reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// The name, unique among the processes of one store.
    pub name: String,
    /// The version of the program.
    pub app: String,
    /// When it reported, in milliseconds since 1970.
    pub seen_at: u64,
    /// The revision it serves.
    pub revision: Revision,
    /// Why it does not serve the newest revision, if it does not.
    pub problem: Option<String>,
}

/// Keeps the configuration.
///
/// Every method is one transaction: it sees, or makes, one state of the whole. Times are arguments, in milliseconds since
/// 1970, UTC.
///
/// # Errors
/// All methods: [`StoreError::Unavailable`](crate::StoreError::Unavailable) while the store is away or busy, and the errors of a damaged, full or
/// read-only store.
pub trait DefinitionStore: Send + Sync + 'static {
    /// What it is, for logs and metrics: `memory`, `sqlite`, `postgres`.
    fn name(&self) -> &'static str;

    /// Whether it answers, and why not.
    fn status(&self) -> LinkStatus;

    /// The newest revision. Cheap: one row.
    fn revision(&self) -> StoreFuture<'_, Revision>;

    /// The configuration as it is now; with `since`, only what changed after that revision. A store that cannot know what
    /// changed (the record was trimmed, or the store was put back to an older state) answers with the whole.
    fn load(&self, since: Option<Revision>) -> StoreFuture<'_, Loaded>;

    /// One entity, `None` if there is none.
    fn get(&self, entity: EntityRef) -> StoreFuture<'_, Option<Entity>>;

    /// One page of the entities of a kind.
    fn list(&self, list: List) -> StoreFuture<'_, Page>;

    /// Makes all changes of a commit, their audit rows and the next revision, or nothing at all.
    ///
    /// Cancellation: a dropped future may still commit.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if `base` is not the newest revision; [`StoreError::Stale`](crate::StoreError::Stale),
    /// [`StoreError::NotFound`](crate::StoreError::NotFound), [`StoreError::NameTaken`](crate::StoreError::NameTaken), [`StoreError::IdTaken`](crate::StoreError::IdTaken) or
    /// [`StoreError::Invalid`](crate::StoreError::Invalid) if a write does not apply; [`StoreError::Repeated`](crate::StoreError::Repeated) if its idempotency key was used.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed>;

    /// Waits until the newest revision is another than `known`, and returns it.
    ///
    /// Cancellation: safe.
    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision>;

    /// One page of the audit rows, newest first.
    fn audit(&self, query: AuditQuery) -> StoreFuture<'_, AuditPage>;

    /// What was answered to the request with this idempotency key, if it has not expired at `now`.
    fn recall(&self, key: String, now: u64) -> StoreFuture<'_, Option<Remembered>>;

    /// Reports about a process; replaces its last report.
    fn heartbeat(&self, node: NodeState) -> StoreFuture<'_, ()>;

    /// The last report of every process, by name.
    fn nodes(&self) -> StoreFuture<'_, Vec<NodeState>>;
}
