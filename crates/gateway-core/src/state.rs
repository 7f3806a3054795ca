//! State that outlives a plan, by name: breakers, cooldowns, permits, loads, caches, calls in flight.
//!
//! The state belongs to whoever uses it: the services of a plan, and calls in flight. The maps here only find it again,
//! so that a new plan goes on with it, and hold it weakly, so that the state of a name that is gone is released after
//! its last call.
//!
//! A plan is built over a [`StateDraft`]. It reads the maps and never writes to them: what a plan needs and nobody has
//! stays in the draft until [`StateDraft::commit`]. A plan that is refused leaves no trace.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_middleware::WeakState;
use gateway_middleware::breaker::{BreakerState, BreakerStatus};
use gateway_middleware::cache::Answers;
use gateway_middleware::concurrency::Places;
use gateway_middleware::fallback::Rest;
use gateway_middleware::load::Load;
use gateway_middleware::usage::InFlight;
use gateway_schema::EndpointName;
use gateway_store::cache::{CacheBounds, RemoteCache};

/// One kind of state, by key.
struct StateMap<K, S: WeakState>(Mutex<HashMap<K, S::Weak>>);

impl<K: Eq + Hash + Clone, S: WeakState> StateMap<K, S> {
    fn with<T>(&self, run: impl FnOnce(&mut HashMap<K, S::Weak>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, key: &K) -> Option<S> {
        self.with(|map| map.get(key).and_then(S::upgrade))
    }

    /// What is used now.
    fn live(&self) -> Vec<(K, S)> {
        self.with(|map| {
            map.iter()
                .filter_map(|(key, weak)| Some((key.clone(), S::upgrade(weak)?)))
                .collect()
        })
    }

    /// Takes in what a plan made, and forgets what nobody uses any more.
    fn commit(&self, made: &HashMap<K, S>) {
        self.with(|map| {
            map.retain(|_, weak| S::upgrade(weak).is_some());
            map.extend(
                made.iter()
                    .map(|(key, state)| (key.clone(), state.downgrade())),
            );
            map.shrink_to(map.len().saturating_mul(2));
        });
    }
}

impl<K, S: WeakState> Default for StateMap<K, S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A target: an endpoint, and which of its credentials.
type TargetKey = (EndpointName, usize);
/// A target, and how many calls it may have at the same time: another number is another set of permits.
type PlacesKey = (EndpointName, usize, u32);
/// An endpoint, the bounds of its cache and the address of the far one: others are another cache.
type CacheKey = (EndpointName, u64, u64, usize);

/// The state of all names that are used. Finds; owns nothing.
#[derive(Default)]
pub(crate) struct SharedState {
    breakers: StateMap<TargetKey, BreakerState>,
    cooldowns: StateMap<TargetKey, Rest>,
    places: StateMap<PlacesKey, Places>,
    loads: StateMap<EndpointName, Load>,
    caches: StateMap<CacheKey, Answers>,
    in_flight: StateMap<EndpointName, Arc<InFlight>>,
}

impl SharedState {
    /// What a plan is built over. Changes nothing until it is committed.
    pub(crate) fn draft(&self) -> StateDraft<'_> {
        StateDraft {
            breakers: Draft::of(&self.breakers),
            cooldowns: Draft::of(&self.cooldowns),
            places: Draft::of(&self.places),
            loads: Draft::of(&self.loads),
            caches: Draft::of(&self.caches),
            in_flight: Draft::of(&self.in_flight),
        }
    }

    /// Breakers that are not closed, by endpoint and account.
    pub(crate) fn open_breakers(&self) -> Vec<TargetStatus> {
        let all = self.breakers.live().into_iter();
        let mut open: Vec<_> = all
            .map(|((endpoint, account), state)| TargetStatus {
                endpoint,
                account,
                status: state.status(),
            })
            .filter(|one| one.status != BreakerStatus::Closed)
            .collect();
        open.sort_by(|one, other| {
            (&one.endpoint, one.account).cmp(&(&other.endpoint, other.account))
        });
        open
    }

    /// How many calls of each name are in flight. A name that is gone is listed until its last call has ended.
    pub(crate) fn in_flight(&self) -> Vec<(EndpointName, u64)> {
        let all = self.in_flight.live().into_iter();
        all.map(|(name, count)| (name, count.count())).collect()
    }
}

/// How the breaker of one target stands.
#[derive(Debug, Clone)]
pub(crate) struct TargetStatus {
    pub(crate) endpoint: EndpointName,
    pub(crate) account: usize,
    pub(crate) status: BreakerStatus,
}

/// State that a plan uses, found or made.
struct Draft<'s, K, S: WeakState> {
    base: &'s StateMap<K, S>,
    made: HashMap<K, S>,
}

impl<'s, K: Eq + Hash + Clone, S: WeakState> Draft<'s, K, S> {
    fn of(base: &'s StateMap<K, S>) -> Self {
        Self {
            base,
            made: HashMap::new(),
        }
    }

    /// The state of `key`: what is used already, else what this plan made, else what `make` makes.
    fn get(&mut self, key: K, make: impl FnOnce() -> S) -> S {
        if let Some(known) = self.made.get(&key) {
            return known.clone();
        }
        if let Some(known) = self.base.find(&key) {
            return known;
        }
        self.made.entry(key).or_insert_with(make).clone()
    }

    fn commit(self) {
        self.base.commit(&self.made);
    }
}

/// The state that one plan uses. Dropped without a commit, it has changed nothing.
pub(crate) struct StateDraft<'s> {
    breakers: Draft<'s, TargetKey, BreakerState>,
    cooldowns: Draft<'s, TargetKey, Rest>,
    places: Draft<'s, PlacesKey, Places>,
    loads: Draft<'s, EndpointName, Load>,
    caches: Draft<'s, CacheKey, Answers>,
    in_flight: Draft<'s, EndpointName, Arc<InFlight>>,
}

impl StateDraft<'_> {
    /// The breaker of an endpoint's account of that number.
    pub(crate) fn breaker(&mut self, endpoint: &EndpointName, account: usize) -> BreakerState {
        let key = (endpoint.clone(), account);
        self.breakers.get(key, BreakerState::default)
    }

    /// Until when the account is not asked.
    pub(crate) fn cooldown(&mut self, endpoint: &EndpointName, account: usize) -> Rest {
        self.cooldowns.get((endpoint.clone(), account), Rest::new)
    }

    /// The permits of the account, for so many calls at the same time.
    pub(crate) fn places(&mut self, endpoint: &EndpointName, account: usize, most: u32) -> Places {
        self.places.get((endpoint.clone(), account, most), || {
            let most = most as usize;
            // A queue longer than ten times the permits would only collect callers that give up.
            Places::new(most, most.saturating_mul(10))
        })
    }

    /// How an endpoint does, whichever way calls come to it.
    pub(crate) fn load(&mut self, endpoint: &EndpointName) -> Load {
        self.loads.get(endpoint.clone(), Load::new)
    }

    /// The cache of an endpoint, over the far one if there is one. Other bounds, or another far one, make another,
    /// empty one.
    pub(crate) fn cache(
        &mut self,
        endpoint: &EndpointName,
        bounds: CacheBounds,
        remote: Option<&Arc<dyn RemoteCache>>,
    ) -> Answers {
        // A cache that is used keeps its far one alive, so that the address is not taken by another one meanwhile.
        let address = remote.map_or(0, |remote| Arc::as_ptr(remote).cast::<()>().addr());
        let key = (
            endpoint.clone(),
            bounds.max_entries,
            bounds.max_bytes,
            address,
        );
        self.caches.get(key, || match remote {
            Some(remote) => Answers::shared(bounds, Arc::clone(remote)),
            None => Answers::new(bounds),
        })
    }

    /// The calls of a name that are in flight.
    pub(crate) fn in_flight(&mut self, name: &EndpointName) -> Arc<InFlight> {
        self.in_flight.get(name.clone(), Arc::default)
    }

    /// Lets later plans find what this one made, and forgets what nobody uses any more. Cannot fail.
    pub(crate) fn commit(self) {
        self.breakers.commit();
        self.cooldowns.commit();
        self.places.commit();
        self.loads.commit();
        self.caches.commit();
        self.in_flight.commit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_that_is_dropped_changes_nothing_and_one_that_is_committed_is_found() {
        let state = SharedState::default();
        let name = EndpointName::from("a");
        let dropped = state.draft().load(&name);
        let mut draft = state.draft();
        let load = draft.load(&name);
        draft.commit();
        assert!(state.loads.live().len() == 1);
        let weak = load.downgrade();
        drop((load, dropped));
        assert!(Load::upgrade(&weak).is_none(), "nobody uses it any more");
        state.draft().commit();
        assert!(state.loads.with(|map| map.is_empty()));
    }
}
