//! Rates in the memory of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::arithmetic;
use super::{RateCells, RateKey, RateRule, RateState, RateStore, Taken};
use crate::StoreFuture;

/// Rates in the memory of this process. Subjects that are as good as new are forgotten when there are many.
#[derive(Debug, Default)]
pub struct MemoryRates(RateCells<Cell>);

/// The state of one subject of one rule.
#[derive(Debug, Default)]
struct Cell {
    /// A bucket: when it is full again. A window: when it began, plus one (0: not yet). In nanoseconds.
    time: AtomicU64,
    /// A window: units taken. A hold: units held.
    count: AtomicU64,
    /// A window: its length in nanoseconds.
    length: AtomicU64,
}

impl MemoryRates {
    /// Nothing taken yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn cell(&self, key: &RateKey, rule: RateRule, now: u64) -> Arc<Cell> {
        let is_new = |cell: &Cell| cell.is_new(now);
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
    /// As good as one that was never used: full, or nothing held and the window over.
    fn is_new(&self, now: u64) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        let time = self.time.load(Ordering::Relaxed);
        if count == 0 {
            time <= now
        } else {
            let length = self.length.load(Ordering::Relaxed);
            time != 0 && length != 0 && time.saturating_add(length) < now
        }
    }

    fn take_bucket(&self, limit: u64, every: Duration, amount: u64, now: u64) -> Taken {
        let mut full_at = self.time.load(Ordering::Relaxed);
        loop {
            let (taken, after) = arithmetic::take(limit, every, full_at, amount, now);
            if !matches!(taken, Taken::Yes(_)) {
                return taken;
            }
            match self.time.compare_exchange_weak(
                full_at,
                after,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(newer) => full_at = newer,
            }
        }
    }

    fn take_window(&self, limit: u64, every: Duration, amount: u64, now: u64) -> Taken {
        let length = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
        self.length.store(length, Ordering::Relaxed);
        let began = self.time.load(Ordering::Relaxed);
        let is_over = began == 0 || now >= (began - 1).saturating_add(length);
        if is_over
            && self
                .time
                .compare_exchange(began, now + 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.count.store(0, Ordering::Relaxed);
        }
        let began = self.time.load(Ordering::Relaxed).saturating_sub(1);
        let reset = Duration::from_nanos(began.saturating_add(length).saturating_sub(now));
        self.take_count(limit, amount, reset)
    }

    fn take_count(&self, limit: u64, amount: u64, reset: Duration) -> Taken {
        let fits = |count: u64| count.checked_add(amount).filter(|sum| *sum <= limit);
        let state = |count: u64| RateState {
            limit,
            remaining: limit.saturating_sub(count),
            reset,
        };
        match self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
        {
            Ok(before) => Taken::Yes(state(before + amount)),
            Err(count) => Taken::No {
                state: state(count),
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
        match rule {
            RateRule::Bucket { limit, every } => cell.take_bucket(limit, every, amount, now),
            RateRule::Window { limit, every } => cell.take_window(limit, every, amount, now),
            RateRule::Held { limit } => cell.take_count(limit, amount, Duration::ZERO),
        }
    }

    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        let now = nanos(now);
        let cell = self.cell(key, rule, now);
        match rule {
            RateRule::Bucket { limit, every } => {
                let back = arithmetic::cost(limit, every, amount);
                let _ = cell
                    .time
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                        Some(full_at.saturating_sub(back))
                    });
            }
            RateRule::Window { .. } if now + 1 < cell.time.load(Ordering::Relaxed) => {}
            RateRule::Window { .. } | RateRule::Held { .. } => {
                let _ = cell
                    .count
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                        Some(count.saturating_sub(amount))
                    });
            }
        }
    }

    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        let now = nanos(now);
        let cell = self.cell(key, rule, now);
        match rule {
            RateRule::Bucket { limit, every } => {
                let cost = arithmetic::cost(limit, every, amount);
                let _ = cell
                    .time
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                        Some(full_at.max(now).saturating_add(cost))
                    });
            }
            RateRule::Window { .. } | RateRule::Held { .. } => {
                cell.count.fetch_add(amount, Ordering::Relaxed);
            }
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
