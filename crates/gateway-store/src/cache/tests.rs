use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Aged, CacheBounds, CacheKey, CacheStore, KeyHasher, Life, MemoryCache};

const TTL: Duration = Duration::from_mins(1);

fn life(from: Instant) -> Life {
    Life { from, ttl: TTL }
}

fn key(number: u32) -> CacheKey {
    KeyHasher::new("test").with(&number.to_le_bytes()).finish()
}

fn cache(max_entries: u64, max_bytes: u64) -> MemoryCache<Arc<u32>> {
    MemoryCache::new(CacheBounds::new(max_entries, max_bytes))
}

#[test]
fn a_value_is_there_until_its_time_is_over() {
    let cache = cache(10, 1000);
    let now = Instant::now();
    cache.put(key(1), Arc::new(1), 10, life(now));
    let later = now + Duration::from_secs(59);
    assert_eq!(
        cache.get(key(1), later),
        Some(Aged {
            value: Arc::new(1),
            age: Duration::from_secs(59)
        })
    );
    assert_eq!(cache.get(key(1), now + TTL), None);
    assert!(cache.is_empty(), "what is too old is dropped");
}

#[test]
fn both_bounds_hold_at_every_moment() {
    for (max_entries, max_bytes) in [(1, 1000), (7, 1000), (1000, 64 << 20), (5000, 1 << 30)] {
        let cache = cache(max_entries, max_bytes);
        let now = Instant::now();
        for number in 0..u32::try_from(max_entries * 3).unwrap() {
            cache.put(key(number), Arc::new(number), 10, life(now));
            assert!(cache.len() as u64 <= max_entries);
        }
        assert!(cache.len() as u64 * 10 >= max_entries * 9, "it fills up");
    }
    let cache = cache(1000, 100);
    for number in 0..100 {
        cache.put(key(number), Arc::new(number), 30, life(Instant::now()));
        assert!(cache.len() <= 3);
    }
}

#[test]
fn a_value_larger_than_the_cache_is_not_kept() {
    let cache = cache(10, 1000);
    cache.put(key(1), Arc::new(1), 1001, life(Instant::now()));
    assert!(cache.is_empty());
}

#[test]
fn where_parts_of_a_key_begin_counts() {
    for hasher in [KeyHasher::new, KeyHasher::own] {
        let one = hasher("a").with(b"bc").with(b"d").finish();
        let other = hasher("a").with(b"b").with(b"cd").finish();
        assert_ne!(one, other);
        let none = hasher("a").with_optional(None).finish();
        let empty = hasher("a").with_optional(Some(b"")).finish();
        assert_ne!(none, empty);
    }
}

#[test]
fn every_byte_of_a_key_counts_and_equal_parts_make_equal_keys() {
    for hasher in [KeyHasher::new, KeyHasher::own] {
        let mut text = vec![b'x'; 9000];
        let key = |text: &[u8]| {
            let whole = hasher("a").with(text);
            whole.finish_with(4, |out| out.extend_from_slice(b"tail"))
        };
        let before = key(&text);
        assert_eq!(before, key(&text));
        for at in [0, 15, 16, 4095, 8999] {
            text[at] = b'y';
            assert_ne!(before, key(&text), "{at}");
            text[at] = b'x';
        }
        assert_ne!(hasher("a").finish(), hasher("b").finish());
    }
}
