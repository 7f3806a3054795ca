use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::policy::BreakerConfig;

/// While one call probes, the others wait so long: its answer cannot be far.
const PROBING: Duration = Duration::from_secs(1);

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerStatus {
    /// Calls pass.
    Closed,
    /// Calls are refused for so long.
    Open(Duration),
    /// One call probes the target.
    HalfOpen,
}

impl BreakerStatus {
    /// The name in `/health` and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The state of one target's breaker. Clones share it; it may outlive a plan.
#[derive(Debug, Clone)]
pub struct BreakerState(Arc<State>);

/// Finds a [`BreakerState`] again while it is used.
#[derive(Debug, Clone)]
pub struct WeakBreakerState(std::sync::Weak<State>);

impl crate::WeakState for BreakerState {
    type Weak = WeakBreakerState;

    fn downgrade(&self) -> WeakBreakerState {
        WeakBreakerState(Arc::downgrade(&self.0))
    }

    fn upgrade(weak: &WeakBreakerState) -> Option<Self> {
        weak.0.upgrade().map(Self)
    }
}

#[derive(Debug)]
struct State {
    born: Instant,
    /// Nanoseconds after `born` until which calls are refused; 0 while closed.
    open_until: AtomicU64,
    /// A probe is under way.
    probing: AtomicBool,
    /// When the latest faults were. Touched by faults only.
    faults: Mutex<VecDeque<Instant>>,
}

impl Default for BreakerState {
    fn default() -> Self {
        Self::new()
    }
}

/// May a call pass?
pub(super) enum Admission {
    /// It passes.
    Pass,
    /// It passes as the probe.
    Probe(Probe),
    /// It does not, not before so long.
    Refused(Duration),
}

/// The one call that finds out whether the target works again. Dropped without a word, it lets the next call probe.
#[derive(Debug)]
pub(super) struct Probe(BreakerState);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.0.probing.store(false, Ordering::Release);
    }
}

impl BreakerState {
    /// Closed.
    pub fn new() -> Self {
        Self(Arc::new(State {
            born: Instant::now(),
            open_until: AtomicU64::new(0),
            probing: AtomicBool::new(false),
            faults: Mutex::default(),
        }))
    }

    /// How it stands.
    pub fn status(&self) -> BreakerStatus {
        match self.0.open_until.load(Ordering::Acquire) {
            0 => BreakerStatus::Closed,
            until => match self.left(until) {
                Duration::ZERO => BreakerStatus::HalfOpen,
                left => BreakerStatus::Open(left),
            },
        }
    }

    /// How long it lets no call pass; nothing when the next one passes, be it as the probe.
    pub fn wait(&self) -> Duration {
        match self.status() {
            BreakerStatus::Open(left) => left,
            BreakerStatus::HalfOpen if self.0.probing.load(Ordering::Acquire) => PROBING,
            BreakerStatus::Closed | BreakerStatus::HalfOpen => Duration::ZERO,
        }
    }

    fn left(&self, until: u64) -> Duration {
        Duration::from_nanos(until).saturating_sub(self.0.born.elapsed())
    }

    pub(super) fn admit(&self) -> Admission {
        let until = self.0.open_until.load(Ordering::Acquire);
        if until == 0 {
            return Admission::Pass;
        }
        let left = self.left(until);
        if !left.is_zero() {
            return Admission::Refused(left);
        }
        if self.0.probing.swap(true, Ordering::AcqRel) {
            return Admission::Refused(PROBING);
        }
        Admission::Probe(Probe(self.clone()))
    }

    /// The target answered.
    pub(super) fn works(&self) {
        if self.0.open_until.load(Ordering::Acquire) != 0 {
            self.0.open_until.store(0, Ordering::Release);
            self.faults().clear();
        }
    }

    /// The target failed. Opens at once when it was probed.
    pub(super) fn failed(&self, config: &BreakerConfig) {
        let now = Instant::now();
        let mut faults = self.faults();
        let old = |at: &Instant| now.duration_since(*at) > config.within;
        while faults.front().is_some_and(old) {
            faults.pop_front();
        }
        faults.push_back(now);
        let was_open = self.0.open_until.load(Ordering::Acquire) != 0;
        if was_open || faults.len() >= config.failures as usize {
            faults.clear();
            drop(faults);
            self.rest(config.open_for);
        }
    }

    /// The target is left alone for at least this long.
    pub(super) fn rest(&self, wait: Duration) {
        let until = self.0.born.elapsed().saturating_add(wait);
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.0.open_until.fetch_max(until, Ordering::AcqRel);
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, VecDeque<Instant>> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
