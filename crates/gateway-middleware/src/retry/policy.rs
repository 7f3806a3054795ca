//! Whether and when to try again.

use std::sync::Arc;
use std::time::Duration;

use gateway_schema::{CallError, Retry};
use tower::retry::budget::{Budget, TpsBudget};

/// How often and how patiently an endpoint tries again.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Longest wait before the second attempt; doubles from there.
    pub initial_backoff: Duration,
    /// Longest wait between attempts, unless the provider asks for more.
    pub max_backoff: Duration,
    /// Retries allowed per call, on average over the endpoint.
    pub budget: f64,
}

impl Default for RetryConfig {
    /// Three attempts, 200 ms to 8 s apart, one retry for every five calls.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(8),
            budget: 0.2,
        }
    }
}

impl RetryConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the attempts, the first included.
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the longest first wait and the longest wait of all.
    pub const fn with_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.initial_backoff = initial;
        self.max_backoff = max;
        self
    }

    /// Sets the retries allowed per call, on average.
    pub const fn with_budget(mut self, budget: f64) -> Self {
        self.budget = budget;
        self
    }
}

/// The retries that all calls of an endpoint share. Clones share one budget.
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<TpsBudget>);

impl RetryBudget {
    /// So many retries per call, averaged over ten seconds; one a second is always allowed.
    pub fn new(per_call: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to what the budget takes"
        )]
        let share = per_call.clamp(0.0, 1000.0) as f32;
        Self(Arc::new(TpsBudget::new(Duration::from_secs(10), 1, share)))
    }

    /// Counts a call, which earns its share of a retry.
    pub(crate) fn deposit(&self) {
        self.0.deposit();
    }

    /// Takes a retry; false when there is none left.
    pub(crate) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Give the error to the caller.
    Stop,
    /// Wait, then try again.
    Wait(Duration),
}

/// Decides after `done` attempts of which the last failed with `error`. `draw` is an even draw from all of `u64`;
/// `remaining` is what the deadline leaves.
pub(crate) fn decide(
    config: &RetryConfig,
    done: u32,
    error: &CallError,
    draw: u64,
    remaining: Option<Duration>,
) -> Decision {
    if done >= config.max_attempts {
        return Decision::Stop;
    }
    let wait = match error.retry() {
        // `Elsewhere` means that this target will not answer: there is no use in asking it again.
        Retry::Never | Retry::Elsewhere => return Decision::Stop,
        Retry::After(wait) => wait,
        Retry::Same => jittered(config, done, draw),
    };
    match remaining {
        Some(remaining) if wait >= remaining => Decision::Stop,
        _ => Decision::Wait(wait),
    }
}

/// Anything from nothing to the bound of this wait, evenly.
pub(crate) fn jittered(config: &RetryConfig, done: u32, draw: u64) -> Duration {
    let doublings = done.saturating_sub(1).min(20);
    let bound = config
        .initial_backoff
        .saturating_mul(1 << doublings)
        .min(config.max_backoff);
    let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(draw.checked_rem(nanos.saturating_add(1)).unwrap_or(0))
}
