//! Rates: how much of something was let through, per subject.
//!
//! Two shapes. A *bucket* ([`RateRule::Bucket`]) holds `limit` units and fills evenly over `every`; what was taken too
//! much or too little can be corrected afterwards. A *window* ([`RateRule::Window`]) lets `limit` units through and
//! starts anew `every` after its first unit, as MLflow's limiter has it.
//!
//! The hot path is synchronous: [`RateStore::take`] decides from what this process has. A store that shares with other
//! processes answers [`Taken::Short`] when its share does not suffice; the caller then awaits [`RateStore::borrow`].

mod arithmetic;
mod cells;
mod memory;
mod refunds;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use cells::{Crowd, RateCells};
pub use memory::MemoryRates;
pub use refunds::Refunds;

use crate::StoreFuture;

/// How much may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateRule {
    /// A bucket of `limit` units that fills evenly over `every`.
    Bucket {
        /// Units in a full bucket.
        limit: u64,
        /// The time in which an empty bucket is full again.
        every: Duration,
    },
    /// A window of `every` with `limit` units, beginning with its first unit.
    Window {
        /// Units per window.
        limit: u64,
        /// The length of the window.
        every: Duration,
    },
    /// At most `limit` units at the same time; they come back when they are returned.
    Held {
        /// Units at the same time.
        limit: u64,
    },
}

impl RateRule {
    /// What becomes of its subjects when there are as many as a store remembers. Places come back to where they were taken.
    pub const fn crowd(self) -> Crowd {
        match self {
            Self::Bucket { .. } | Self::Window { .. } => Crowd::Shares,
            Self::Held { .. } => Crowd::Grows,
        }
    }

    /// The number in the rule.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Bucket { limit, .. } | Self::Window { limit, .. } | Self::Held { limit } => limit,
        }
    }
}

/// A rule and whom it is about. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateKey {
    /// The rule's name, stable over reloads: `chat/limits[0]`.
    pub rule: Arc<str>,
    /// The subject: a key's name, a user, an address; empty for a rule with one share for all.
    pub subject: Arc<str>,
}

/// How a rule stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// The number in the rule.
    pub limit: u64,
    /// Units left now.
    pub remaining: u64,
    /// When the rule is as good as new.
    pub reset: Duration,
}

/// What came of an attempt to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was taken.
    Yes(RateState),
    /// It was not: not before `wait`.
    No {
        /// How the rule stands.
        state: RateState,
        /// When the same amount may be there.
        wait: Duration,
    },
    /// This process's share does not suffice; [`RateStore::borrow`] may help.
    Short,
}

/// Keeps rates.
///
/// Units: `amount` is in units of the rule (requests or tokens). `now` is the time since a moment that is the same for
/// all calls of one process.
pub trait RateStore: Send + Sync + 'static {
    /// Takes `amount`, all or nothing, from what this process has.
    fn take(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) -> Taken;

    /// Gives back `amount` that was taken at `taken`: a refund, a correction, or the end of a hold. No more comes back than
    /// fits: what a bucket has refilled meanwhile is not given a second time, and what belongs to a window that is over is
    /// not given to the next.
    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, taken: Duration);

    /// Takes `amount` whatever is left, as a correction after the fact. The debt is paid before anything else passes; it is
    /// never larger than a full bucket or window, so that a subject waits two times its period at most.
    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration);

    /// Takes `amount` as [`take`](Self::take) does, but asks the other processes for what this one lacks. Never
    /// [`Taken::Short`]: a no is a no of all of them.
    ///
    /// Cancellation: what a dropped future took is given back.
    ///
    /// # Errors
    /// The store is away, or does not answer in time.
    fn borrow<'a>(
        &'a self,
        key: &'a RateKey,
        rule: RateRule,
        amount: u64,
        now: Duration,
    ) -> StoreFuture<'a, Taken>;
}
