//! Where an issuer's keys come from, and for how long they hold.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use gateway_provider::{Environment, SendLimits, Transport, collect};

use super::keys::Keys;

/// The largest key set that is read.
const MAX_BYTES: usize = 1024 * 1024;
/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long after a fetch, good or bad, there is no other.
const PAUSE: Duration = Duration::from_secs(5);

/// Where a key set is.
#[derive(Clone)]
pub enum KeySetSource {
    /// At a URL.
    Url(String, Arc<dyn Transport>),
    /// In a file.
    File(String, Arc<dyn Environment>),
}

impl fmt::Debug for KeySetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySetSource").field(&self.place()).finish()
    }
}

impl KeySetSource {
    fn place(&self) -> &str {
        match self {
            Self::Url(place, _) | Self::File(place, _) => place,
        }
    }

    /// For how long keys are used without asking again.
    const fn fresh_for(&self) -> Duration {
        match self {
            Self::Url(..) => Duration::from_mins(5),
            Self::File(..) => PAUSE,
        }
    }

    async fn read(&self) -> Result<Bytes, String> {
        match self {
            Self::File(path, environment) => environment
                .read(path)
                .map(Bytes::from)
                .ok_or_else(|| "the file cannot be read".to_owned()),
            Self::Url(url, transport) => {
                let request = http::Request::get(url)
                    .header("accept", "application/json")
                    .body(Bytes::new())
                    .map_err(|error| error.to_string())?;
                let sent = transport.send(request, SendLimits::default()).await;
                let (head, body) = sent.map_err(|error| error.to_string())?.into_parts();
                if head.status != http::StatusCode::OK {
                    return Err(format!("the answer is {}", head.status));
                }
                let whole = collect(body, MAX_BYTES).await;
                whole.map_err(|error| error.message().to_owned())
            }
        }
    }
}

/// The keys of an issuer: fetched when the first token needs them, and again.
///
/// * For 5 minutes (from a file: 5 seconds) they are used as they are. After that the next token has them fetched
///   anew, while other tokens are checked with those that are there.
/// * A token with a key that is not among them has them fetched anew, at most every 5 seconds in all.
/// * Keys that could not be fetched anew for an hour are not used any more: tokens are refused until they can.
///
/// However many tokens wait, there is one fetch at a time. Nothing runs in the background.
/// Cancellation: a fetch that is dropped is taken up by the next that waits for it.
pub struct KeySet {
    source: Option<KeySetSource>,
    present: ArcSwapOption<Keys>,
    /// When it was last fetched, successfully or not: milliseconds since `base`, 0 for never.
    tried: AtomicU64,
    base: Instant,
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.source.as_ref().map(KeySetSource::place);
        f.debug_struct("KeySet")
            .field("place", &place)
            .finish_non_exhaustive()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Undoes a claim unless its fetch came to an end.
struct Claim<'a> {
    tried: &'a AtomicU64,
    ended: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.tried.store(0, Ordering::Release);
        }
    }
}

impl KeySet {
    /// For how long keys are used when no newer ones can be had.
    const KEPT_FOR: Duration = Duration::from_hours(1);

    /// The keys at `source`. Nothing is fetched yet.
    pub fn new(source: KeySetSource) -> Self {
        Self {
            source: Some(source),
            present: ArcSwapOption::empty(),
            tried: AtomicU64::new(0),
            base: now(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    #[cfg(test)]
    pub(super) fn empty() -> Arc<Self> {
        Arc::new(Self {
            source: None,
            present: ArcSwapOption::empty(),
            tried: AtomicU64::new(0),
            base: now(),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// The keys, if they can still be used.
    pub(super) fn present(&self) -> Option<arc_swap::Guard<Option<Arc<Keys>>>> {
        let keys = self.present.load();
        let usable = keys
            .as_ref()
            .is_some_and(|keys| now().saturating_duration_since(keys.since) < Self::KEPT_FOR);
        usable.then_some(keys)
    }

    /// True when the keys should be fetched anew although they can still be used, and nobody does it.
    pub(super) fn is_due(&self) -> bool {
        let Some(source) = &self.source else {
            return false;
        };
        let old =
            self.present.load().as_ref().is_some_and(|keys| {
                now().saturating_duration_since(keys.since) >= source.fresh_for()
            });
        old && self.turn.try_lock().is_ok() && !self.tried_lately()
    }

    /// True when fetching anew, or waiting for a fetch, may bring a key that is not there.
    pub(super) fn may_bring_more(&self) -> bool {
        !self.tried_lately() || self.turn.try_lock().is_err()
    }

    fn tried_lately(&self) -> bool {
        let tried = self.tried.load(Ordering::Acquire);
        tried != 0 && self.elapsed().saturating_sub(tried) < millis(PAUSE)
    }

    /// Milliseconds since the base, never 0.
    fn elapsed(&self) -> u64 {
        millis(now().saturating_duration_since(self.base)).max(1)
    }

    /// Fetches the keys, or waits for a fetch under way. Failures are logged; the keys that are there stay.
    pub(super) async fn fetch(&self) {
        let Some(source) = &self.source else { return };
        let _turn = self.turn.lock().await;
        if self.tried_lately() {
            return;
        }
        self.tried.store(self.elapsed(), Ordering::Release);
        let mut claim = Claim {
            tried: &self.tried,
            ended: false,
        };
        let read = tokio::time::timeout(PATIENCE, source.read()).await;
        let generation = self
            .present
            .load()
            .as_ref()
            .map_or(0, |keys| keys.generation);
        let keys = read
            .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
            .and_then(|bytes| Keys::read(&bytes, generation + 1, now()));
        claim.ended = true;
        self.tried.store(self.elapsed(), Ordering::Release);
        match keys {
            Ok(keys) => self.present.store(Some(Arc::new(keys))),
            Err(why) => {
                tracing::warn!(
                    target: "gateway::auth",
                    jwks = source.place(),
                    why,
                    "the key set cannot be fetched"
                );
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The key sets of a process by place, so that a new configuration goes on with what was fetched for the old one.
#[derive(Debug, Default)]
pub struct KeySets(Mutex<HashMap<String, Weak<KeySet>>>);

impl KeySets {
    /// The key set at `source`: the one there is, or a new one.
    pub fn get(&self, source: KeySetSource) -> Arc<KeySet> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sets.get(source.place()).and_then(Weak::upgrade) {
            return known;
        }
        sets.retain(|_, set| set.strong_count() > 0);
        let place = source.place().to_owned();
        let set = Arc::new(KeySet::new(source));
        sets.insert(place, Arc::downgrade(&set));
        set
    }
}
