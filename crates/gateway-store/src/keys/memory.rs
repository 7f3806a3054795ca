use std::fmt;
use std::hash::BuildHasherDefault;

use super::{DigestMap, HashKey, KeyRecord, KeyStore};

/// The keys of one configuration. Never changes; another configuration makes another.
pub struct MemoryKeys {
    hash: HashKey,
    keys: DigestMap<KeyRecord>,
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeys")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl MemoryKeys {
    /// Keeps the digests of `keys`. Of two equal keys the first counts.
    pub fn new<'k>(hash: HashKey, keys: impl IntoIterator<Item = (&'k str, KeyRecord)>) -> Self {
        let keys = keys.into_iter();
        let mut map =
            DigestMap::with_capacity_and_hasher(keys.size_hint().0, BuildHasherDefault::default());
        for (key, record) in keys {
            map.entry(hash.digest(key)).or_insert(record);
        }
        Self { hash, keys: map }
    }
}

impl KeyStore for MemoryKeys {
    fn find(&self, key: &str) -> Option<&KeyRecord> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.get(&self.hash.digest(key))
    }
}
