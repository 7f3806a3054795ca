use std::fmt;
use std::time::Instant;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::{Aged, CacheBounds, CacheKey, CacheStore, Life};

/// A [`CacheStore`] in the memory of this process.
///
/// What is dropped when it is full is what was asked for least, and longest ago (Clock-PRO). Both bounds hold at every
/// moment: a value weighs at least an even share of the bytes, so that there is never one too many. Values are never
/// copied out: `V` is a handle.
pub struct MemoryCache<V>(Cache<CacheKey, Entry<V>, Weight>);

#[derive(Clone)]
struct Entry<V> {
    value: V,
    bytes: u64,
    life: Life,
}

/// A value's bytes, or its even share of all bytes if that is more.
#[derive(Clone)]
struct Weight {
    /// Units in a byte: shares are no whole bytes.
    units: u64,
    /// Units in an even share.
    least: u64,
    /// Units in all.
    capacity: u64,
}

impl Weight {
    /// A share is a little less than even, so that one value alone does not fill a cache of one value to the brim,
    /// where it would not be let in: as many as may be fit, and half a value more.
    fn new(bounds: CacheBounds) -> Self {
        let halves = bounds.max_entries.saturating_mul(2).saturating_add(1);
        match bounds.max_bytes.checked_mul(halves) {
            Some(capacity) => Self {
                units: halves,
                least: bounds.max_bytes.saturating_mul(2),
                capacity,
            },
            // So many that a share is whole bytes, or less than one.
            None => Self {
                units: 1,
                least: bounds.max_bytes.div_ceil(bounds.max_entries),
                capacity: bounds.max_bytes,
            },
        }
    }
}

impl<V> Weighter<CacheKey, Entry<V>> for Weight {
    fn weight(&self, _: &CacheKey, entry: &Entry<V>) -> u64 {
        entry.bytes.saturating_mul(self.units).max(self.least)
    }
}

impl<V: Clone> MemoryCache<V> {
    /// An empty cache of these bounds.
    pub fn new(bounds: CacheBounds) -> Self {
        // Parts with locks of their own, as long as each is large enough to hold what is worth keeping.
        let parts = (bounds.max_bytes >> 23).min(bounds.max_entries / 256);
        let parts = usize::try_from(parts.clamp(1, 16)).unwrap_or(1);
        let parts = if parts.is_power_of_two() {
            parts
        } else {
            parts.next_power_of_two() / 2
        };
        let weight = Weight::new(bounds);
        let capacity = weight.capacity;
        let built = OptionsBuilder::new()
            .shards(parts)
            .estimated_items_capacity(usize::try_from(bounds.max_entries).unwrap_or(usize::MAX))
            .weight_capacity(capacity)
            .build();
        let entries = usize::try_from(bounds.max_entries).unwrap_or(usize::MAX);
        Self(match built {
            Ok(options) => Cache::with_options(
                options,
                weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Only an option left out fails, and none is.
            Err(_) => Cache::with_weighter(entries, capacity, weight),
        })
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> fmt::Debug for MemoryCache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").finish_non_exhaustive()
    }
}

impl<V: Clone + Send + Sync> CacheStore<V> for MemoryCache<V> {
    fn get(&self, key: CacheKey, now: Instant) -> Option<Aged<V>> {
        let entry = self.0.get(&key)?;
        let age = now.saturating_duration_since(entry.life.from);
        if age >= entry.life.ttl {
            // Somebody may have put a younger one meanwhile.
            self.0.remove_if(&key, |kept| kept.life == entry.life);
            return None;
        }
        Some(Aged {
            value: entry.value,
            age,
        })
    }

    fn put(&self, key: CacheKey, value: V, size_bytes: u64, life: Life) {
        let entry = Entry {
            value,
            bytes: size_bytes,
            life,
        };
        self.0.insert(key, entry);
    }
}
