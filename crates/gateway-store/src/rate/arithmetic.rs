//! The arithmetic of a bucket, in one number: the time at which it is full again.
//!
//! This is the generic cell rate algorithm with the bucket's size as its burst. Everything is in nanoseconds since the
//! store's beginning, so that one number holds a bucket. A debt is at most one bucket: a bucket is full again after two
//! times `every` at the latest.

use std::time::Duration;

use super::{RateState, Taken};

/// How long it takes to refill `amount` units, rounded up, so that no rounding lets more through.
pub(super) fn cost(limit: u64, every: Duration, amount: u64) -> u64 {
    let cost = every
        .as_nanos()
        .saturating_mul(u128::from(amount))
        .div_ceil(u128::from(limit.max(1)));
    u64::try_from(cost).unwrap_or(u64::MAX)
}

/// The time until an empty bucket is full.
fn burst(every: Duration) -> u64 {
    u64::try_from(every.as_nanos()).unwrap_or(u64::MAX)
}

/// When the bucket is full, no debt being larger than a bucket. The bound is applied whenever the time is read, so that it
/// holds for a rule that was changed meanwhile, too.
pub(super) fn bounded(every: Duration, full_at: u64, now: u64) -> u64 {
    full_at.min(now.saturating_add(burst(every).saturating_mul(2)))
}

/// Units in a bucket that is full again at `full_at`.
fn remaining(limit: u64, every: Duration, full_at: u64, now: u64) -> u64 {
    let missing_time = u128::from(full_at.saturating_sub(now));
    let every = every.as_nanos().max(1);
    let missing = missing_time
        .saturating_mul(u128::from(limit))
        .div_ceil(every);
    limit.saturating_sub(u64::try_from(missing).unwrap_or(u64::MAX))
}

/// Takes `amount` from a bucket that is full at `full_at`. Returns what came of it and the new time.
pub(super) fn take(
    limit: u64,
    every: Duration,
    full_at: u64,
    amount: u64,
    now: u64,
) -> (Taken, u64) {
    let after = full_at.max(now).saturating_add(cost(limit, every, amount));
    let excess = after.saturating_sub(now).saturating_sub(burst(every));
    if excess == 0 {
        return (Taken::Yes(state(limit, every, after, now)), after);
    }
    let state = state(limit, every, full_at, now);
    let wait = Duration::from_nanos(excess);
    (Taken::No { state, wait }, full_at)
}

pub(super) fn state(limit: u64, every: Duration, full_at: u64, now: u64) -> RateState {
    RateState {
        limit,
        remaining: remaining(limit, every, full_at, now),
        reset: Duration::from_nanos(full_at.saturating_sub(now)),
    }
}
