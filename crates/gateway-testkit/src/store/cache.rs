use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_store::cache::{CacheKey, KeyHasher, RemoteCache, RemoteFuture, RemoteValue};
use tokio::time::Instant;

type Values = HashMap<CacheKey, (Vec<u8>, Instant)>;

/// A far cache in memory, for tests: it can be taken away and brought back. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryRemote {
    values: Arc<Mutex<Values>>,
    away: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl MemoryRemote {
    /// Nothing kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes it away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// What it keeps.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.values().map(|(bytes, _)| bytes.clone()).collect()
    }

    /// Spoils what it keeps, as a version from the future would.
    pub fn spoil(&self) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        for (bytes, _) in values.values_mut() {
            bytes.reverse();
        }
    }
}

impl RemoteCache for MemoryRemote {
    fn get<'a>(&'a self, keys: &'a [CacheKey]) -> RemoteFuture<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().enumerate().find_map(|(found, key)| {
            let (bytes, until) = values.get(key)?;
            let left = until.checked_duration_since(now)?;
            Some(RemoteValue {
                found,
                bytes: bytes.clone(),
                left,
            })
        });
        let found = found.filter(|_| !self.away.load(Ordering::Relaxed));
        Box::pin(async move {
            // As one over a network, it is never there at once.
            tokio::task::yield_now().await;
            found
        })
    }

    fn put(&self, key: CacheKey, bytes: Vec<u8>, ttl: Duration) {
        if bytes.len() <= self.max_value_bytes() && !self.away.load(Ordering::Relaxed) {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.insert(key, (bytes, Instant::now() + ttl));
        }
    }

    fn max_value_bytes(&self) -> usize {
        64 * 1024
    }
}

fn key(number: u32) -> CacheKey {
    let name = format!("suite {number} {:016x}", fastrand::u64(..));
    KeyHasher::new("suite").with(name.as_bytes()).finish()
}

/// What is kept by one handle of a far cache is found by another.
///
/// # Panics
/// When a rule is broken, with its name.
pub async fn remote_cache(writer: &dyn RemoteCache, reader: &dyn RemoteCache) {
    let minute = Duration::from_mins(1);
    let (absent, one, two, short, large) = (key(0), key(1), key(2), key(3), key(4));
    assert_eq!(reader.get(&[absent]).await, None, "what was never put");
    writer.put(one, b"one".to_vec(), minute);
    writer.put(two, vec![0, 255, 13, 10], minute);
    writer.put(short, b"short".to_vec(), Duration::from_millis(30));
    writer.put(large, vec![7; writer.max_value_bytes() + 1], minute);
    // Writes are not in order: the other one may be there first.
    eventually(reader, &[two]).await;
    let found = eventually(reader, &[absent, two, one]).await;
    assert_eq!(found.found, 1, "the first key that has a value");
    assert_eq!(found.bytes, [0, 255, 13, 10], "bytes as they were put");
    let found = eventually(reader, &[one]).await;
    assert!(
        found.left <= minute && found.left > minute / 2,
        "the time that is left: {:?}",
        found.left
    );
    assert_eq!(reader.get(&[large]).await, None, "what is too large");
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(reader.get(&[short]).await, None, "what is too old");
    writer.put(one, b"newer".to_vec(), minute);
    for _ in 0..200 {
        if eventually(reader, &[one]).await.bytes == b"newer" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(eventually(reader, &[one]).await.bytes, b"newer");
}

/// What is put is there soon.
async fn eventually(reader: &dyn RemoteCache, keys: &[CacheKey]) -> RemoteValue {
    for _ in 0..500 {
        if let Some(found) = reader.get(keys).await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let found = reader.get(keys).await;
    assert!(found.is_some(), "what was put is never found");
    found.unwrap_or_else(|| RemoteValue {
        found: 0,
        bytes: Vec::new(),
        left: Duration::ZERO,
    })
}
