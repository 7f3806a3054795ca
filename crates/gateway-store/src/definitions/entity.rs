//! What is stored, and what is written.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The number of a state of the configuration. It grows by one with every commit; 0 is the empty store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What an entity is. The names are stable: they stand in databases and audit rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A sealed credential.
    Secret,
    /// A provider's model with its settings.
    ModelDefinition,
    /// What clients call by name.
    Endpoint,
    /// A name in front of several endpoints.
    Route,
    /// A group of callers.
    Team,
    /// A user or a service.
    Account,
    /// A key of a caller, as a digest.
    VirtualKey,
    /// How much may be spent.
    BudgetPolicy,
    /// What judges requests and answers.
    Guardrail,
    /// Who is notified.
    Webhook,
    /// A section of the configuration that exists once: `auth`, `stores`, `telemetry`, `server`; its name is its id.
    Setting,
}

impl EntityKind {
    /// Every kind, in the order in which a snapshot lists them.
    pub const ALL: [Self; 11] = [
        Self::Secret,
        Self::ModelDefinition,
        Self::Endpoint,
        Self::Route,
        Self::Team,
        Self::Account,
        Self::VirtualKey,
        Self::BudgetPolicy,
        Self::Guardrail,
        Self::Webhook,
        Self::Setting,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ModelDefinition => "model_definition",
            Self::Endpoint => "endpoint",
            Self::Route => "route",
            Self::Team => "team",
            Self::Account => "account",
            Self::VirtualKey => "virtual_key",
            Self::BudgetPolicy => "budget_policy",
            Self::Guardrail => "guardrail",
            Self::Webhook => "webhook",
            Self::Setting => "setting",
        }
    }

    /// The kind with this stable name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Unique within its kind; never changes.
    pub id: String,
    /// The workspace it belongs to.
    pub workspace: String,
    /// Unique within its kind and workspace.
    pub name: String,
    /// Its definition, as JSON. References to secrets only; of a secret, ciphertext only.
    pub spec: Value,
    /// Grows by one with every change of this entity, from 1.
    pub version: u64,
    /// Who made it.
    pub created_by: Option<String>,
    /// When, in milliseconds since 1970, UTC.
    pub created_at: u64,
    /// Who changed it last.
    pub updated_by: Option<String>,
    /// When, in milliseconds since 1970, UTC.
    pub updated_at: u64,
}

/// The workspace of entities that name none.
pub(super) const WORKSPACE: &str = "default";

/// Everything that is stored, of one revision. Clones share the entities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The revision it is of.
    pub revision: Revision,
    /// Every entity, in the order of kind, name and id.
    pub entities: Vec<Arc<Entity>>,
}

impl Snapshot {
    /// One entity.
    pub fn find(&self, kind: EntityKind, id: &str) -> Option<&Arc<Entity>> {
        self.entities
            .iter()
            .find(|entity| entity.kind == kind && entity.id == id)
    }

    /// All entities of one kind.
    pub fn of(&self, kind: EntityKind) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities
            .iter()
            .filter(move |entity| entity.kind == kind)
    }
}

/// What is done to one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is made.
    Create {
        /// The workspace it belongs to.
        workspace: String,
        /// Its name.
        name: String,
        /// Its definition.
        spec: Value,
    },
    /// Its name and definition are replaced.
    Replace {
        /// Its name from now on.
        name: String,
        /// Its definition from now on.
        spec: Value,
        /// The version that was read; `None` to replace whatever is there.
        expected: Option<u64>,
    },
    /// It is removed.
    Remove {
        /// The version that was read; `None` to remove whatever is there.
        expected: Option<u64>,
    },
}

impl Action {
    /// The stable name, as it stands in audit rows.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Replace { .. } => "update",
            Self::Remove { .. } => "delete",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is changed.
    pub kind: EntityKind,
    /// Which one.
    pub id: String,
    /// What is done to it.
    pub action: Action,
}

impl Change {
    /// Makes an entity in the default workspace.
    pub fn create(
        kind: EntityKind,
        id: impl Into<String>,
        name: impl Into<String>,
        spec: Value,
    ) -> Self {
        Self {
            kind,
            id: id.into(),
            action: Action::Create {
                workspace: WORKSPACE.to_owned(),
                name: name.into(),
                spec,
            },
        }
    }

    /// Replaces an entity, if it is still as it was read.
    pub fn replace(entity: &Entity, name: impl Into<String>, spec: Value) -> Self {
        Self {
            kind: entity.kind,
            id: entity.id.clone(),
            action: Action::Replace {
                name: name.into(),
                spec,
                expected: Some(entity.version),
            },
        }
    }

    /// Removes an entity, if it is still as it was read.
    pub fn remove(entity: &Entity) -> Self {
        Self {
            kind: entity.kind,
            id: entity.id.clone(),
            action: Action::Remove {
                expected: Some(entity.version),
            },
        }
    }
}

/// Who changes something, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// The account; `None` where nobody had to log in.
    pub name: Option<String>,
    /// Where the change came from: an address, `file`, `import`.
    pub source: Option<String>,
    /// The request that asked for it.
    pub request_id: Option<String>,
}

impl Author {
    /// Somebody by name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }
}

/// Changes that are written together.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The revision that they were decided on.
    pub expected: Revision,
    /// Who makes them.
    pub author: Author,
    /// When, in milliseconds since 1970, UTC.
    pub at: u64,
    /// What is changed, in this order.
    pub changes: Vec<Change>,
}

impl Commit {
    /// Changes that were decided on `expected`.
    pub const fn new(expected: Revision, author: Author, at: u64, changes: Vec<Change>) -> Self {
        Self {
            expected,
            author,
            at,
            changes,
        }
    }
}

/// What was changed, by whom and when. Written in the transaction of the change; never altered.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its place in the row of all audit rows, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970, UTC.
    pub at: u64,
    /// The revision that the change made.
    pub revision: Revision,
    /// Who, and from where.
    pub author: Author,
    /// What was done: `create`, `update` or `delete`.
    pub action: String,
    /// What it was done to.
    pub kind: EntityKind,
    /// Which one.
    pub id: String,
    /// Its definition before.
    pub before: Option<Value>,
    /// Its definition after.
    pub after: Option<Value>,
}
