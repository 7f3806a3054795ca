//! What is kept.

use std::borrow::Cow;
use std::fmt;

use super::document::Document;

/// The workspace of an entity where none is named.
pub const DEFAULT_WORKSPACE: &str = "default";

/// The number of a state of the whole configuration. A new store has revision 0; every commit adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an entity is. An open set, so that a store keeps kinds that a newer program wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKind(Cow<'static, str>);

impl EntityKind {
    /// A provider's credentials.
    pub const SECRET: Self = Self(Cow::Borrowed("secret"));
    /// A model of a provider, with the secret it is called with.
    pub const MODEL_DEFINITION: Self = Self(Cow::Borrowed("model_definition"));
    /// An endpoint.
    pub const ENDPOINT: Self = Self(Cow::Borrowed("endpoint"));
    /// A route over endpoints.
    pub const ROUTE: Self = Self(Cow::Borrowed("route"));
    /// A virtual key.
    pub const VIRTUAL_KEY: Self = Self(Cow::Borrowed("virtual_key"));
    /// A team.
    pub const TEAM: Self = Self(Cow::Borrowed("team"));
    /// An account of a person or a program.
    pub const ACCOUNT: Self = Self(Cow::Borrowed("account"));
    /// A budget policy.
    pub const BUDGET_POLICY: Self = Self(Cow::Borrowed("budget_policy"));
    /// A guardrail.
    pub const GUARDRAIL: Self = Self(Cow::Borrowed("guardrail"));
    /// A webhook.
    pub const WEBHOOK: Self = Self(Cow::Borrowed("webhook"));
    /// A section of the configuration that exists once, as `auth` or `telemetry`; its name is its id.
    pub const SETTING: Self = Self(Cow::Borrowed("setting"));

    /// A kind by its name: 1 to 32 lower-case letters, digits and `_`, a letter first.
    pub fn new(name: &str) -> Option<Self> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = name.len() <= 32
            && name.bytes().all(letters)
            && name.starts_with(|first: char| first.is_ascii_lowercase());
        good.then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which entity: its kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityRef {
    /// The kind.
    pub kind: EntityKind,
    /// The id.
    pub id: String,
}

impl EntityRef {
    /// The entity of this kind and id.
    pub fn new(kind: EntityKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
        }
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.id)
    }
}

/// A sealed credential: ciphertext, which the store never opens. `gateway-secrets` makes and opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The value under its data key.
    pub value: Vec<u8>,
    /// The data key under the key-encryption key.
    pub wrapped_key: Vec<u8>,
    /// The id of the key-encryption key.
    pub kek: String,
}

impl fmt::Debug for SealedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedValue")
            .field("kek", &self.kek)
            .finish_non_exhaustive()
    }
}

/// One thing of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its id, unique within the kind, never changed.
    pub id: String,
    /// Its workspace.
    pub workspace: String,
    /// Its name, unique within kind and workspace. Kinds without names use the id.
    pub name: String,
    /// Everything else about it. Never holds a plaintext credential: it is shown, exported and recorded in audit rows.
    pub document: Document,
    /// Its credential, if it has one. Not in audit rows.
    pub sealed: Option<SealedValue>,
    /// How often it was written: 1 when created. For `ETag` and `If-Match`.
    pub version: u64,
    /// The revision that wrote it last.
    pub revision: Revision,
    /// Who created it.
    pub created_by: Option<String>,
    /// When, in milliseconds since 1970.
    pub created_at: u64,
    /// Who wrote it last.
    pub updated_by: Option<String>,
    /// When, in milliseconds since 1970.
    pub updated_at: u64,
}

impl Entity {
    /// Its kind and id.
    pub fn reference(&self) -> EntityRef {
        EntityRef::new(self.kind.clone(), self.id.clone())
    }
}
