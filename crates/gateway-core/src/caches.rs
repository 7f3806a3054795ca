//! The caches of endpoints. They outlive plans: a new plan finds them again by the endpoint's name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_config::Endpoint;
use gateway_middleware::cache::{Answers, CacheConfig};
use gateway_schema::EndpointName;
use gateway_store::cache::{CacheBounds, KeyHasher, RemoteCache};

type Remote = Arc<dyn RemoteCache>;

/// A cache, and what it was made for.
#[derive(Debug)]
struct Made {
    bounds: CacheBounds,
    remote: Option<Remote>,
    answers: Answers,
}

impl Made {
    fn is_for(&self, bounds: CacheBounds, remote: Option<&Remote>) -> bool {
        let same = match (&self.remote, remote) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same && self.bounds == bounds
    }
}

/// The caches of all endpoints that any plan had. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caches(Arc<Mutex<HashMap<EndpointName, Made>>>);

impl Caches {
    /// The cache of an endpoint, if it has one, over the far one if there is one. Other bounds, or another far one, make
    /// another, empty one.
    pub(crate) fn of(
        &self,
        endpoint: &Endpoint,
        remote: Option<&Remote>,
    ) -> Option<(CacheConfig, Answers)> {
        let cache = endpoint.cache?;
        let bounds = CacheBounds::new(cache.max_entries, cache.max_bytes);
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = match caches.get(&endpoint.name) {
            Some(made) if made.is_for(bounds, remote) => made.answers.clone(),
            _ => {
                let answers = match remote {
                    Some(remote) => Answers::shared(bounds, Arc::clone(remote)),
                    None => Answers::new(bounds),
                };
                let made = Made {
                    bounds,
                    remote: remote.cloned(),
                    answers: answers.clone(),
                };
                caches.insert(endpoint.name.clone(), made);
                answers
            }
        };
        let config = CacheConfig::new(cache.ttl)
            .with_shared(cache.shared)
            .with_scope(scope(endpoint));
        Some((config, answers))
    }
}

/// What decides an endpoint's answers besides the question, so that another model behind the same name starts anew.
fn scope(endpoint: &Endpoint) -> String {
    let model = serde_json::to_vec(&endpoint.model).unwrap_or_default();
    let fallback = serde_json::to_vec(&endpoint.fallback).unwrap_or_default();
    let key = KeyHasher::new("scope").with(&model).with(&fallback);
    format!("{:?}", key.finish())
}
