//! A clock that moves when told to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use gateway_provider::Clock;

/// A clock that stands still until it is moved. Clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<SystemTime>>);

impl ManualClock {
    /// Stands at 2026-01-01 00:00:00 UTC.
    pub fn new() -> Self {
        Self::at_unix_seconds(1_767_225_600)
    }

    /// Stands at this many seconds after 1970.
    pub fn at_unix_seconds(seconds: u64) -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Jumps, also backward, as clocks of machines do.
    pub fn set(&self, now: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_time_and_only_moves_change_it() {
        let clock = ManualClock::new();
        let other = clock.clone();
        let begun = other.unix_seconds();
        clock.advance(Duration::from_mins(1));
        assert_eq!(other.unix_seconds(), begun + 60);
    }
}
