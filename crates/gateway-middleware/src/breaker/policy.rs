//! What counts as a fault, and what is told while a target is left alone.

use std::time::Duration;

use gateway_schema::{CallError, ErrorKind, Origin, Retry};

/// The longest time that a target is left alone because it says so, unless configured.
pub(crate) const MAX_COOLDOWN: Duration = Duration::from_hours(1);

/// When a target is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// Faults that open the breaker.
    pub failures: u32,
    /// The time in which they count.
    pub within: Duration,
    /// How long the target is left alone before one call probes it.
    pub open_for: Duration,
    /// The longest time that it is left alone because it says so.
    pub max_cooldown: Duration,
}

impl BreakerConfig {
    /// Opens after `failures` faults within `within`, for `open_for`.
    pub const fn new(failures: u32, within: Duration, open_for: Duration) -> Self {
        Self {
            failures,
            within,
            open_for,
            max_cooldown: MAX_COOLDOWN,
        }
    }

    /// Bounds how long a target is left alone because it says so (`retry-after`).
    pub const fn with_max_cooldown(mut self, max_cooldown: Duration) -> Self {
        self.max_cooldown = max_cooldown;
        self
    }
}

/// What an attempt says about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It works, whatever it thought of the request.
    Works,
    /// It failed.
    Failed,
    /// It wants to be left alone for so long.
    Limited(Duration),
    /// Nothing: the target was not reached for reasons of ours.
    Nothing,
}

pub(crate) fn verdict(error: &CallError) -> Verdict {
    if error.origin() != Origin::Upstream {
        return Verdict::Nothing;
    }
    match error.kind() {
        ErrorKind::Upstream | ErrorKind::Unavailable | ErrorKind::Timeout => Verdict::Failed,
        ErrorKind::RateLimited => error.retry_after().map_or(Verdict::Works, Verdict::Limited),
        _ => Verdict::Works,
    }
}

/// What a caller is told while the target is left alone.
pub(super) fn refusal(wait: Duration) -> CallError {
    let wait = wait.max(Duration::from_millis(1));
    let message = format!(
        "The provider has failed repeatedly and is left alone for {:.1} s.",
        wait.as_secs_f64()
    );
    CallError::gateway(ErrorKind::Unavailable, message)
        .with_code("breaker_open")
        .with_retry(Retry::Elsewhere)
        .with_retry_after(wait)
}
