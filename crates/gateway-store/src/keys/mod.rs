//! Virtual keys: what callers present, kept as digests.
//!
//! A key is never kept. What is kept is its HMAC-SHA-256 under a [`HashKey`] that a process draws when it starts and
//! never shows, so that a copy of the memory of a store says nothing about its keys, and nobody can choose keys that
//! collide in its map. Finding a key is one hash and one look into a map, however many there are; no lock.

mod digest;
mod memory;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use gateway_schema::EndpointName;
use serde_json::{Map, Value};

pub use digest::{AsIs, Digest, DigestMap, HashKey, NoRandomness};
pub use memory::MemoryKeys;

/// A virtual key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// What it is called in logs and records.
    pub name: Arc<str>,
    /// The endpoints and routes it may call; `None` for all.
    pub endpoints: Option<Arc<HashSet<EndpointName>>>,
    /// When it stops working, in seconds since 1970.
    pub expires: Option<i64>,
    /// Whether it is refused.
    pub disabled: bool,
    /// Facts about the caller.
    pub metadata: Arc<Map<String, Value>>,
}

impl KeyRecord {
    /// A key that may call everything for ever.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            endpoints: None,
            expires: None,
            disabled: false,
            metadata: Arc::default(),
        }
    }

    /// Lets it call these endpoints and routes only.
    pub fn with_endpoints(mut self, names: impl IntoIterator<Item = EndpointName>) -> Self {
        self.endpoints = Some(Arc::new(names.into_iter().collect()));
        self
    }

    /// Ends it at this moment, in seconds since 1970.
    pub const fn with_expiry(mut self, unix_seconds: i64) -> Self {
        self.expires = Some(unix_seconds);
        self
    }

    /// States whether it is refused.
    pub const fn with_disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Adds facts about the caller.
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Arc::new(metadata);
        self
    }
}

/// Knows virtual keys, which may change while it is used.
///
/// On the way of every request: it answers from memory and takes no lock that writers hold. A store with a database
/// behind it keeps the digests of all keys in memory and replaces them when the database changes, as
/// [`MemoryKeys::replace`] does. The record that is returned stays as it is until the call that found it has ended.
pub trait KeyStore: Send + Sync + 'static {
    /// The record of this key, whatever its state; `None` when there is no such key.
    fn find(&self, key: &str) -> Option<Arc<KeyRecord>>;
}
