use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gateway_schema::CallError;
use tokio::time::Instant;

use super::policy::rest_after;

/// Until when one candidate rests. Clones share the state; it may outlive a plan.
#[derive(Debug, Clone)]
pub struct Rest {
    born: Instant,
    /// Nanoseconds after `born`.
    until: Arc<AtomicU64>,
    /// The longest rest.
    longest: Duration,
}

/// The longest rest, unless configured: whatever a provider says, its account is tried again after it.
const LONGEST: Duration = Duration::from_hours(1);

/// Finds a [`Rest`] again while it is used.
#[derive(Debug, Clone)]
pub struct WeakRest {
    born: Instant,
    until: Weak<AtomicU64>,
}

impl crate::WeakState for Rest {
    type Weak = WeakRest;

    fn downgrade(&self) -> WeakRest {
        WeakRest {
            born: self.born,
            until: Arc::downgrade(&self.until),
        }
    }

    fn upgrade(weak: &WeakRest) -> Option<Self> {
        Some(Self {
            born: weak.born,
            until: weak.until.upgrade()?,
            longest: LONGEST,
        })
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self::new()
    }
}

impl Rest {
    /// Fit.
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            until: Arc::default(),
            longest: LONGEST,
        }
    }

    /// Bounds how long it rests because a provider says so. The bound is this clone's own.
    pub const fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Learns from what came of a call: `None` when it was answered.
    pub(crate) fn learn(&self, error: Option<&CallError>) {
        match error {
            None => self.fit(),
            Some(error) => {
                if let Some(wait) = rest_after(error) {
                    self.rest(wait);
                }
            }
        }
    }

    /// Rests for at least this long from now on.
    fn rest(&self, wait: Duration) {
        let until = self.born.elapsed() + wait.min(self.longest);
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.fetch_max(until, Ordering::Relaxed);
    }

    /// Fit again: it has just answered.
    fn fit(&self) {
        if self.until.load(Ordering::Relaxed) != 0 {
            self.until.store(0, Ordering::Relaxed);
        }
    }

    /// For how long it still rests.
    pub fn remaining(&self) -> Duration {
        match self.until.load(Ordering::Relaxed) {
            // Nothing to compare with: no clock is read on the usual path.
            0 => Duration::ZERO,
            until => Duration::from_nanos(until).saturating_sub(self.born.elapsed()),
        }
    }
}
