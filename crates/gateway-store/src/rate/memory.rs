//! Rates in the memory of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::arithmetic;
use super::{RateCells, RateKey, RateRule, RateState, RateStore, Refunds, Taken};
use crate::StoreFuture;

/// Rates in the memory of this process. Subjects that are as good as new are forgotten when there are many.
#[derive(Debug, Default)]
pub struct MemoryRates(RateCells<Cell>);

/// The state of one subject of one rule. The lock is held for a few statements, and shared by nobody but calls of the
/// same subject.
#[derive(Debug, Default)]
struct Cell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// A bucket: when it is full again. A window: when it began, plus one (0: not yet). In nanoseconds.
    time: u64,
    /// A window: units taken. A hold: units held.
    count: u64,
    /// A window: its length in nanoseconds.
    length: u64,
    /// A bucket: what may still be given back, in the time that it takes to fill in.
    refunds: Refunds<u64>,
}

impl MemoryRates {
    /// Nothing taken yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn cell(&self, key: &RateKey, rule: RateRule, now: u64) -> Arc<Cell> {
        let is_new = |cell: &Cell| cell.lock().is_new(now);
        self.0
            .get(key, rule.crowd(), |_| true, is_new, |_| Cell::default())
    }

    /// How many subjects are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when no subject is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Cell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// As good as one that was never used: full, or nothing held and the window over.
    fn is_new(&self, now: u64) -> bool {
        if self.count == 0 {
            self.time <= now
        } else {
            self.time != 0 && self.length != 0 && self.time.saturating_add(self.length) < now
        }
    }

    fn take_bucket(&mut self, limit: u64, every: Duration, amount: u64, now: u64) -> Taken {
        self.time = arithmetic::bounded(every, self.time, now);
        let (taken, after) = arithmetic::take(limit, every, self.time, amount, now);
        if matches!(taken, Taken::Yes(_)) && amount > 0 {
            self.refunds.note(now, self.time.saturating_sub(now));
            self.time = after;
        }
        taken
    }

    /// Gives back what was taken at `taken`, as far as the bucket was not full without it since.
    fn give_bucket(&mut self, limit: u64, every: Duration, amount: u64, taken: u64) {
        let cost = arithmetic::cost(limit, every, amount);
        let back = self.refunds.give(taken, cost);
        self.time = self.time.saturating_sub(back);
    }

    fn charge_bucket(&mut self, limit: u64, every: Duration, amount: u64, now: u64) {
        let cost = arithmetic::cost(limit, every, amount);
        self.refunds.note(now, self.time.saturating_sub(now));
        let full_at = self.time.max(now).saturating_add(cost);
        self.time = arithmetic::bounded(every, full_at, now);
    }

    /// Begins a new window if there is none. Returns when the present one ends.
    fn open_window(&mut self, every: Duration, now: u64) -> u64 {
        let length = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
        self.length = length;
        let began = self
            .time
            .checked_sub(1)
            .filter(|began| now < began.saturating_add(length));
        let began = began.unwrap_or_else(|| {
            self.time = now.saturating_add(1);
            self.count = 0;
            now
        });
        began.saturating_add(length)
    }

    fn take_window(&mut self, limit: u64, every: Duration, amount: u64, now: u64) -> Taken {
        let ends = self.open_window(every, now);
        let reset = Duration::from_nanos(ends.saturating_sub(now));
        self.take_count(limit, amount, reset)
    }

    fn take_count(&mut self, limit: u64, amount: u64, reset: Duration) -> Taken {
        let state = |count: u64| RateState {
            limit,
            remaining: limit.saturating_sub(count),
            reset,
        };
        match self.count.checked_add(amount).filter(|sum| *sum <= limit) {
            Some(sum) => {
                self.count = sum;
                Taken::Yes(state(sum))
            }
            None => Taken::No {
                state: state(self.count),
                wait: reset,
            },
        }
    }
}

fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

impl RateStore for MemoryRates {
    fn take(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) -> Taken {
        let now = nanos(now);
        let cell = self.cell(key, rule, now);
        let mut state = cell.lock();
        match rule {
            RateRule::Bucket { limit, every } => state.take_bucket(limit, every, amount, now),
            RateRule::Window { limit, every } => state.take_window(limit, every, amount, now),
            RateRule::Held { limit } => state.take_count(limit, amount, Duration::ZERO),
        }
    }

    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, taken: Duration) {
        let taken = nanos(taken);
        let cell = self.cell(key, rule, taken);
        let mut state = cell.lock();
        match rule {
            RateRule::Bucket { limit, every } => state.give_bucket(limit, every, amount, taken),
            RateRule::Window { .. } if taken.saturating_add(1) < state.time => {}
            RateRule::Window { .. } | RateRule::Held { .. } => {
                state.count = state.count.saturating_sub(amount);
            }
        }
    }

    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        let now = nanos(now);
        let cell = self.cell(key, rule, now);
        let mut state = cell.lock();
        match rule {
            RateRule::Bucket { limit, every } => state.charge_bucket(limit, every, amount, now),
            RateRule::Window { limit, every } => {
                state.open_window(every, now);
                state.count = state
                    .count
                    .saturating_add(amount)
                    .min(limit.saturating_mul(2));
            }
            RateRule::Held { .. } => state.count = state.count.saturating_add(amount),
        }
    }

    fn borrow<'a>(
        &'a self,
        key: &'a RateKey,
        rule: RateRule,
        amount: u64,
        now: Duration,
    ) -> StoreFuture<'a, Taken> {
        // This process has everything there is.
        let taken = self.take(key, rule, amount, now);
        Box::pin(std::future::ready(Ok(taken)))
    }
}
