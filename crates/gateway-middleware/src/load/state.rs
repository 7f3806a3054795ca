use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;

/// A fault counts as an answer that took at least so long.
const FAULT: Duration = Duration::from_secs(5);
/// What the first token of a target seems to take that has never been measured, while one call is measuring it.
const UNKNOWN: f32 = 1e6;

/// How an endpoint does: the calls under way there, and how long its first token takes. Clones share it; it may outlive
/// a plan.
#[derive(Debug, Clone)]
pub struct Load(Arc<State>);

#[derive(Debug)]
struct State {
    born: Instant,
    in_flight: AtomicU64,
    /// For streams and for whole answers.
    paces: [Pace; 2],
}

/// Finds a [`Load`] again while it is used.
#[derive(Debug, Clone)]
pub struct WeakLoad(std::sync::Weak<State>);

impl crate::WeakState for Load {
    type Weak = WeakLoad;

    fn downgrade(&self) -> WeakLoad {
        WeakLoad(Arc::downgrade(&self.0))
    }

    fn upgrade(weak: &WeakLoad) -> Option<Self> {
        weak.0.upgrade().map(Self)
    }
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}

impl Load {
    /// Nothing under way, nothing measured.
    pub fn new() -> Self {
        Self(Arc::new(State {
            born: Instant::now(),
            in_flight: AtomicU64::new(0),
            paces: [Pace::default(), Pace::default()],
        }))
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// How long the first token of a stream, or a whole answer, has taken lately.
    pub fn latency(&self, stream: bool) -> Option<Duration> {
        let seconds = self.pace(stream).read(self.now())?;
        Duration::try_from_secs_f32(seconds).ok()
    }

    /// What one more call must expect, in seconds: the latency, once for each call that is under way and for itself.
    ///
    /// What has never been measured costs nothing while nothing is under way, and more than anything else as long as
    /// the first call is: one call finds out, the others go where it is known.
    pub fn cost(&self, stream: bool) -> f32 {
        let in_flight = self.in_flight() as f32;
        match self.pace(stream).read(self.now()) {
            Some(seconds) => seconds * (in_flight + 1.0),
            None if in_flight > 0.0 => UNKNOWN + in_flight,
            None => 0.0,
        }
    }

    pub(super) fn enter(&self) {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An answer began after so long.
    pub(super) fn answered(&self, stream: bool, after: Duration) {
        self.pace(stream).took(self.now(), after);
    }

    /// The target failed after so long.
    pub(super) fn failed(&self, stream: bool, after: Duration) {
        self.pace(stream).took(self.now(), after.max(FAULT));
    }

    /// The caller left after so long without an answer.
    pub(super) fn abandoned(&self, stream: bool, after: Duration) {
        self.pace(stream).took_at_least(self.now(), after);
    }

    fn pace(&self, stream: bool) -> &Pace {
        let [streams, wholes] = &self.0.paces;
        if stream { streams } else { wholes }
    }

    /// Milliseconds; wraps.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ages are taken modulo 49 days"
    )]
    fn now(&self) -> u32 {
        self.0.born.elapsed().as_millis() as u32
    }
}
