//! What is asked of a store.

use super::audit::Action;
use super::document::Document;
use super::entity::{DEFAULT_WORKSPACE, Entity, EntityKind, EntityRef, Revision, SealedValue};

/// Who makes a change, and from where: the head of its audit rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// The account, token or command; `None` where nobody had to say who they are.
    pub actor: Option<String>,
    /// The address or the program.
    pub source: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Why, where that does not follow from the change: `master key rotated`.
    pub reason: Option<String>,
}

impl Author {
    /// An author of whom only the name is known.
    pub fn named(actor: impl Into<String>) -> Self {
        Self {
            actor: Some(actor.into()),
            ..Self::default()
        }
    }
}

/// An entity as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The kind.
    pub kind: EntityKind,
    /// The id.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// The name.
    pub name: String,
    /// The document.
    pub document: Document,
    /// The credential.
    pub sealed: Option<SealedValue>,
}

impl Draft {
    /// A draft in the default workspace, without a credential.
    pub fn new(
        kind: EntityKind,
        id: impl Into<String>,
        name: impl Into<String>,
        document: Document,
    ) -> Self {
        Self {
            kind,
            id: id.into(),
            workspace: DEFAULT_WORKSPACE.to_owned(),
            name: name.into(),
            document,
            sealed: None,
        }
    }

    /// The draft of an entity as it is.
    pub fn of(entity: &Entity) -> Self {
        Self {
            kind: entity.kind.clone(),
            id: entity.id.clone(),
            workspace: entity.workspace.clone(),
            name: entity.name.clone(),
            document: entity.document.clone(),
            sealed: entity.sealed.clone(),
        }
    }

    /// Adds a credential.
    pub fn with_sealed(mut self, sealed: SealedValue) -> Self {
        self.sealed = Some(sealed);
        self
    }

    /// Its kind and id.
    pub fn reference(&self) -> EntityRef {
        EntityRef::new(self.kind.clone(), self.id.clone())
    }
}

/// One change. A commit has at most one for each entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A new entity.
    Create(Draft),
    /// An entity that is there becomes this, all of it.
    Replace {
        /// What it becomes.
        draft: Draft,
        /// The version it must have (`If-Match`); `None` overwrites any.
        version: Option<u64>,
    },
    /// An entity goes.
    Delete {
        /// Which.
        entity: EntityRef,
        /// The version it must have; `None` deletes any.
        version: Option<u64>,
    },
}

impl Write {
    /// The entity it is about.
    pub fn reference(&self) -> EntityRef {
        match self {
            Self::Create(draft) | Self::Replace { draft, .. } => draft.reference(),
            Self::Delete { entity, .. } => entity.clone(),
        }
    }
}

/// An answer to keep under an idempotency key, in the transaction of the change it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The key, with the caller in it, so that two callers never share one.
    pub key: String,
    /// A digest of the request: another request under the same key is an error of the caller.
    pub fingerprint: Vec<u8>,
    /// The status that was answered.
    pub status: u16,
    /// The body that was answered. A value that is shown once must not be in it.
    pub body: String,
    /// Until when it is kept, in milliseconds since 1970.
    pub expires_at: u64,
}

/// Changes that happen together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The revision at which the changes were checked.
    pub base: Revision,
    /// Who makes them.
    pub author: Author,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The changes.
    pub writes: Vec<Write>,
    /// The answer to keep, if the request had an idempotency key.
    pub remember: Option<Remembered>,
}

impl Commit {
    /// A commit without changes.
    pub const fn new(base: Revision, author: Author, at: u64) -> Self {
        Self {
            base,
            author,
            at,
            writes: Vec::new(),
            remember: None,
        }
    }

    /// Adds a change.
    pub fn with(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// Keeps an answer.
    pub fn remember(mut self, answer: Remembered) -> Self {
        self.remember = Some(answer);
        self
    }
}

/// What a commit made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The revision it made.
    pub revision: Revision,
    /// The entities it created or replaced, as they are now, in the order of its writes.
    pub entities: Vec<Entity>,
}

/// A change that was made meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision that made it.
    pub revision: Revision,
    /// What was done.
    pub action: Action,
    /// To which entity.
    pub entity: EntityRef,
    /// The name of the entity.
    pub name: String,
    /// By whom.
    pub actor: Option<String>,
    /// When, in milliseconds since 1970.
    pub at: u64,
}
