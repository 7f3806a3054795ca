//! Answers kept for questions that are the same.
//!
//! A [`CacheStore`] keeps values by 128-bit key for a while. It decides what to drop when it is full; it never knows
//! what a value means. Looking up is synchronous: this is the near level, in the memory of the process. A [`RemoteCache`]
//! is the far level, which several processes share: it keeps bytes, and whatever goes wrong with it is a miss.

mod key;
mod memory;
mod remote;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

pub use key::{CacheKey, KeyHasher};
pub use memory::MemoryCache;
pub use remote::{RemoteCache, RemoteFuture, RemoteValue};

/// How much a cache keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheBounds {
    /// Values at most.
    pub max_entries: u64,
    /// Bytes at most.
    pub max_bytes: u64,
}

impl CacheBounds {
    /// At most `max_entries` values of `max_bytes` in all; at least one of each.
    pub const fn new(max_entries: u64, max_bytes: u64) -> Self {
        Self {
            max_entries: if max_entries == 0 { 1 } else { max_entries },
            max_bytes: if max_bytes == 0 { 1 } else { max_bytes },
        }
    }
}

/// From when and for how long a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it was put.
    pub from: Instant,
    /// How long it is kept.
    pub ttl: Duration,
}

/// A value that was kept, and for how long it has been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aged<V> {
    /// The value.
    pub value: V,
    /// Since it was put.
    pub age: Duration,
}

/// Keeps values by key for a while.
///
/// Shape: one store per endpoint; a key holds one value, the latest.
/// Units: `size_bytes` is what the value counts against the bound in bytes.
/// Cancellation: nothing here waits.
pub trait CacheStore<V>: fmt::Debug + Send + Sync {
    /// The value of `key`, unless it is older than its time to live at `now`.
    fn get(&self, key: CacheKey, now: Instant) -> Option<Aged<V>>;

    /// Keeps `value` for its life, if it finds room; others may have to go for it.
    fn put(&self, key: CacheKey, value: V, size_bytes: u64, life: Life);
}
