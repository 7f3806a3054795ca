use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Digest, DigestMap, HashKey, KeyRecord, KeyStore};

/// Keys in memory, by digest. They can be replaced while they are used; readers take no lock.
pub struct MemoryKeys {
    hash: HashKey,
    keys: ArcSwap<DigestMap<Arc<KeyRecord>>>,
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeys")
            .field("keys", &self.keys.load().len())
            .finish_non_exhaustive()
    }
}

impl MemoryKeys {
    /// Keeps the digests of `keys`. Of two equal keys the first counts.
    pub fn new<'k>(hash: HashKey, keys: impl IntoIterator<Item = (&'k str, KeyRecord)>) -> Self {
        let keys = keys
            .into_iter()
            .map(|(key, record)| (hash.digest(key), Arc::new(record)));
        let keys = ArcSwap::from_pointee(collect(keys));
        Self { hash, keys }
    }

    /// Puts other keys in the place of all of them, at once. The digests must be those of [`HashKey::digest`] under the
    /// key that this store was made with. Of two equal digests the first counts; two digests may share one record.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use gateway_store::keys::{HashKey, KeyRecord, KeyStore, MemoryKeys};
    ///
    /// let hash = HashKey::from_bytes(&[7; 32]);
    /// let keys = MemoryKeys::new(hash.clone(), []);
    /// assert!(keys.find("sk-new").is_none());
    /// keys.replace([(hash.digest("sk-new"), Arc::new(KeyRecord::new("team-a")))]);
    /// assert!(keys.find("sk-new").is_some());
    /// ```
    pub fn replace(&self, keys: impl IntoIterator<Item = (Digest, Arc<KeyRecord>)>) {
        self.keys.store(Arc::new(collect(keys.into_iter())));
    }
}

fn collect(keys: impl Iterator<Item = (Digest, Arc<KeyRecord>)>) -> DigestMap<Arc<KeyRecord>> {
    let mut map =
        DigestMap::with_capacity_and_hasher(keys.size_hint().0, BuildHasherDefault::default());
    for (digest, record) in keys {
        map.entry(digest).or_insert(record);
    }
    map
}

impl KeyStore for MemoryKeys {
    fn find(&self, key: &str) -> Option<Arc<KeyRecord>> {
        let keys = self.keys.load();
        if keys.is_empty() {
            return None;
        }
        keys.get(&self.hash.digest(key)).map(Arc::clone)
    }
}
