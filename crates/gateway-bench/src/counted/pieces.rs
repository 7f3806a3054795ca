//! Pieces that every call needs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_dialect::sse::SseScanner;
use gateway_json::{Edit, Envelope, splice};
use gateway_store::cache::{CacheBounds, CacheStore, KeyHasher, Life, MemoryCache};
use gateway_store::keys::{HashKey, KeyRecord, KeyStore, MemoryKeys};
use gateway_store::rate::{MemoryRates, RateKey, RateRule, RateStore};

use super::Once;
use crate::request::Ask;
use crate::shapes::Shape;

fn body(bytes: usize) -> Bytes {
    let ask = Ask {
        shape: Shape::OpenAi,
        model: "chat".to_owned(),
        bytes,
        stream: false,
        key: String::new(),
        distinct: false,
    };
    ask.body().into()
}

/// Finds the members of a body and checks all of it.
pub(super) fn scan(bytes: usize) -> Once {
    let body = body(bytes);
    Box::new(move || drop(black_box(Envelope::scan(&body))))
}

/// Puts another model into a body.
pub(super) fn splice_model(bytes: usize) -> Result<Once, String> {
    let body = body(bytes);
    let envelope = Envelope::scan(&body).map_err(|fault| fault.to_string())?;
    let model = envelope.find(&body, "model").ok_or("no model")?;
    let edits = [Edit::new(model.value.clone(), "\"gpt-4o-mini\"")];
    Ok(Box::new(move || drop(black_box(splice(&body, &edits)))))
}

/// Finds the events of a stream, an event at a time.
pub(super) fn events(tokens: usize) -> Once {
    let events = Shape::OpenAi.events(tokens);
    Box::new(move || {
        let mut scanner = SseScanner::new();
        for event in &events {
            let fed = scanner.feed(event.as_bytes(), |event| {
                black_box(event.data.len());
            });
            let _ = black_box(fed);
        }
    })
}

/// Looks one of `count` keys up.
pub(super) fn key(count: usize) -> Result<Once, String> {
    let hash = HashKey::random().map_err(|error| error.to_string())?;
    let names: Vec<String> = (0..count).map(|number| format!("sk-{number:08}")).collect();
    let keys = names
        .iter()
        .map(|name| (name.as_str(), KeyRecord::new(name.as_str())));
    let keys = MemoryKeys::new(hash, keys);
    let wanted = names.last().cloned().unwrap_or_default();
    Ok(Box::new(move || {
        black_box(keys.find(&wanted));
    }))
}

/// Takes from the bucket of one of `count` subjects.
pub(super) fn limit(count: usize) -> Once {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 1 << 40,
        every: Duration::from_mins(1),
    };
    let key = |number: usize| RateKey {
        rule: "chat/limits[0]".into(),
        subject: format!("key{number}").into(),
    };
    for number in 0..count {
        // So much that nobody is forgotten meanwhile.
        rates.take(&key(number), rule, 1 << 30, Duration::from_secs(1));
    }
    let wanted = key(count / 2);
    Box::new(move || {
        black_box(rates.take(&wanted, rule, 1, Duration::from_secs(1)));
    })
}

/// Looks one of `count` kept values up.
pub(super) fn cache(count: u64) -> Once {
    let cache = MemoryCache::new(CacheBounds::new(count * 2, 1 << 40));
    let key = |number: u64| KeyHasher::new("count").with(&number.to_le_bytes()).finish();
    let life = Life {
        from: Instant::now(),
        ttl: Duration::from_hours(1),
    };
    for number in 0..count {
        cache.put(key(number), number, 100, life);
    }
    let (wanted, now) = (key(count / 2), Instant::now());
    Box::new(move || {
        black_box(cache.get(wanted, now));
    })
}
