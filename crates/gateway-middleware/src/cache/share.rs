//! What the calls of one endpoint share: kept answers, and questions that are being asked.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::HashMap;
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use gateway_provider::BoxFuture;
use gateway_schema::CallError;
use gateway_store::cache::{
    Aged, CacheBounds, CacheKey, CacheStore, Life, MemoryCache, RemoteCache,
};
use http::HeaderMap;
use quick_cache::sync::Cache;

use super::entry::Kept;
use super::key::Keys;
use super::live::Live;
use super::service::now;
use super::wire;

/// The answers of one endpoint. Clones share them; they outlive plans.
#[derive(Clone)]
pub struct Answers(Arc<Inner>);

/// Finds [`Answers`] again while they are used.
#[derive(Clone)]
pub struct WeakAnswers(Weak<Inner>);

impl fmt::Debug for WeakAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakAnswers").finish_non_exhaustive()
    }
}

impl crate::WeakState for Answers {
    type Weak = WeakAnswers;

    fn downgrade(&self) -> WeakAnswers {
        WeakAnswers(Arc::downgrade(&self.0))
    }

    fn upgrade(weak: &WeakAnswers) -> Option<Self> {
        weak.0.upgrade().map(Self)
    }
}

struct Inner {
    store: Arc<dyn CacheStore<Arc<Kept>>>,
    /// What other processes kept.
    remote: Option<Arc<dyn RemoteCache>>,
    /// Whether an answer in canonical form was ever kept here. Until then nobody needs to look for one.
    canonical: AtomicBool,
    /// Which question a raw key asks.
    spellings: Cache<CacheKey, CacheKey>,
    asking: Mutex<Open>,
}

/// What is under way. Whatever is taken out of it is dropped outside of its lock.
#[derive(Default)]
struct Open {
    questions: HashMap<CacheKey, (u64, WeakShared<Asking>)>,
    /// Streamed answers that have begun.
    streams: HashMap<CacheKey, Weak<Live>>,
}

/// A question being asked.
type Asking = BoxFuture<'static, Result<Answered, CallError>>;

/// One of those who wait for it.
pub(super) type Waiting = Shared<Asking>;

/// An answer for everybody who waits.
#[derive(Clone)]
pub(super) enum Answered {
    /// A whole answer, with the provider's headers for whoever asked.
    Whole(Arc<Kept>, Arc<HeaderMap>),
    /// A stream that has begun, with the same.
    Stream(Arc<Live>, Arc<HeaderMap>),
}

/// What becomes of somebody who asks what others may be asking.
pub(super) enum Joined {
    /// The answer is a stream that others read already.
    Live(Arc<Live>),
    /// The answer is not there yet.
    Waiting(Waiting, Part),
}

/// Whether a caller asks, or waits for another one's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Asks,
    Joins,
}

impl Answers {
    /// Nothing kept yet; in the memory of this process.
    pub fn new(bounds: CacheBounds) -> Self {
        Self::with_store(Arc::new(MemoryCache::new(bounds)), bounds)
    }

    /// Answers kept in the memory of this process and, for other processes, in `remote`.
    pub fn shared(bounds: CacheBounds, remote: Arc<dyn RemoteCache>) -> Self {
        Self::over(Arc::new(MemoryCache::new(bounds)), bounds, Some(remote))
    }

    /// Answers kept in `store`.
    pub fn with_store(store: Arc<dyn CacheStore<Arc<Kept>>>, bounds: CacheBounds) -> Self {
        Self::over(store, bounds, None)
    }

    fn over(
        store: Arc<dyn CacheStore<Arc<Kept>>>,
        bounds: CacheBounds,
        remote: Option<Arc<dyn RemoteCache>>,
    ) -> Self {
        let spellings = usize::try_from(bounds.max_entries).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            store,
            remote,
            canonical: AtomicBool::new(false),
            spellings: Cache::new(spellings.min(1 << 20)),
            asking: Mutex::default(),
        }))
    }

    pub(super) fn remote(&self) -> Option<&Arc<dyn RemoteCache>> {
        self.0.remote.as_ref()
    }

    /// Keeps an answer for `life`, and for others for as long.
    pub(super) fn keep(&self, key: CacheKey, kept: Arc<Kept>, life: Life) {
        let size = kept.size();
        if let Some(remote) = &self.0.remote
            && size <= remote.max_value_bytes() as u64
            && let Some(bytes) = wire::encode(&kept, life.ttl)
        {
            remote.put(key, bytes, life.ttl);
        }
        self.0.store.put(key, kept, size, life);
    }

    /// What another process kept by the first of `keys` that there is, and how old it is. It is kept here, too.
    pub(super) async fn look_up(self, keys: Keys) -> Option<Aged<Arc<Kept>>> {
        let both;
        let keys = match keys.canonical {
            Some(canonical) => {
                both = [keys.raw, canonical];
                &both[..]
            }
            None => std::slice::from_ref(&keys.raw),
        };
        let found = self.0.remote.as_ref()?.get(keys).await?;
        let key = *keys.get(found.found)?;
        let (kept, ttl) = wire::decode(found.bytes)?;
        let age = ttl.saturating_sub(found.left);
        let value = Arc::new(kept);
        if let Some(from) = now().checked_sub(age) {
            let life = Life { from, ttl };
            let size = value.size();
            self.0.store.put(key, Arc::clone(&value), size, life);
        }
        Some(Aged { value, age })
    }

    pub(super) fn store(&self) -> &dyn CacheStore<Arc<Kept>> {
        &*self.0.store
    }

    /// Whether there may be an answer in canonical form. What other processes kept is not known.
    pub(super) fn may_hold_canonical(&self) -> bool {
        self.0.remote.is_some() || self.0.canonical.load(Ordering::Relaxed)
    }

    /// An answer in canonical form is about to be kept.
    pub(super) fn note_canonical(&self) {
        if !self.0.canonical.load(Ordering::Relaxed) {
            self.0.canonical.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn spelling(&self, spelt: CacheKey) -> Option<CacheKey> {
        self.0.spellings.get(&spelt)
    }

    pub(super) fn spelt(&self, spelt: CacheKey, question: CacheKey) {
        self.0.spellings.insert(spelt, question);
    }

    /// Joins those who wait for the answer to `key`, or asks by what `ask` makes.
    pub(super) fn join(&self, key: CacheKey, ask: impl FnOnce(Leave) -> Asking) -> Joined {
        let live = self.open().streams.get(&key).and_then(Weak::upgrade);
        if let Some(live) = live.filter(|live| live.is_open()) {
            return Joined::Live(live);
        }
        // Nobody's wait may end under the lock: it would want the lock to leave.
        let mut open = self.open();
        let asking = &mut open.questions;
        let last = asking.get(&key);
        if let Some(waiting) = last.and_then(|(_, weak)| weak.upgrade()) {
            return Joined::Waiting(waiting, Part::Joins);
        }
        let turn = last.map_or(0, |(turn, _)| turn.wrapping_add(1));
        let leave = Leave {
            answers: self.clone(),
            key,
            turn,
        };
        let waiting = ask(leave).shared();
        if let Some(weak) = waiting.downgrade() {
            asking.insert(key, (turn, weak));
        }
        Joined::Waiting(waiting, Part::Asks)
    }

    /// Lets others find a stream that has begun.
    pub(super) fn list(&self, key: CacheKey, live: &Arc<Live>) {
        self.open().streams.insert(key, Arc::downgrade(live));
    }

    /// Strikes a stream that is over from the list.
    pub(super) fn forget(&self, key: CacheKey) {
        let streams = &mut self.open().streams;
        if streams
            .get(&key)
            .is_some_and(|live| live.strong_count() == 0)
        {
            streams.remove(&key);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}

/// Strikes a question from the list when it was answered, or when nobody waits any more.
pub(super) struct Leave {
    answers: Answers,
    key: CacheKey,
    turn: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let asking = &mut self.answers.open().questions;
        if asking
            .get(&self.key)
            .is_some_and(|(turn, _)| *turn == self.turn)
        {
            asking.remove(&self.key);
        }
    }
}
