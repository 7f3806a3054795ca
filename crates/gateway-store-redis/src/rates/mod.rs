//! Rates by leases.
//!
//! Each subject of a rule is one key in the server. A process leases units from it, takes from what it has leased without
//! a network call, and asks for more ahead of need. What this promises and what it costs:
//!
//! * **Never more.** What is in a bucket and what is leased from it never exceed the limit together; units of a window
//!   are counted when they are leased, and end with it; places are leased like units. So all processes together never
//!   admit more than one would. What is in doubt (an answer that got lost, a process that died) counts as spent.
//! * **Idle shares.** A process holds what it took in the last second, at most half of what was left divided by the
//!   number of processes that hold a lease of the subject. What it did not use for a second it returns; what a dead
//!   process held is free when its lease ends (10 s; places 30 s), in a bucket as that fills.
//! * **First use.** The first call of a subject waits for its lease: one round trip, at most [`WAIT`]. So does every call
//!   near the end of a limit, where shares would only hide the last units from the others.
//! * **Refusals** are remembered for 10 to 500 ms, so that refused callers do not become load on the server.
//! * **Tokens** that were reserved and not used are spare again at once if the server still counts them as leased;
//!   otherwise they go back through it. Tokens used beyond the reservation are taken from what is spare, then owed.
//! * **A server that is away** leaves what is leased usable until the lease ends; then [`StoreError`].
//! * **A server that lost its data** learns from each process what that was told last. For a second nobody leases, so
//!   that all can tell.
//! * **Places of a process that cannot reach the server** are free for others after their lease while its calls may
//!   still be running.

mod cell;
mod lease;
mod leasing;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gateway_store::cache::KeyHasher;
use gateway_store::rate::{RateCells, RateKey, RateRule, RateStore, Taken};
use gateway_store::{StoreError, StoreFuture};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::RedisConfig;
use crate::link::RedisLink;
use cell::{Borrowing, Cell};
pub(crate) use leasing::Leasing;

/// How long a call waits for a lease.
pub(crate) const WAIT: Duration = Duration::from_millis(500);
/// Subjects that may wait for the server.
const QUEUE: usize = 16 * 1024;

/// Rates that several processes share.
pub struct RedisRates {
    cells: RateCells<Cell>,
    sender: mpsc::Sender<Arc<Cell>>,
    namespace: String,
    /// The moment that callers count from.
    zero: OnceLock<Instant>,
}

impl fmt::Debug for RedisRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRates")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl RedisRates {
    pub(crate) fn new(link: RedisLink, config: RedisConfig) -> (Self, Leasing) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let leasing = Leasing::new(link, receiver, &config);
        let rates = Self {
            cells: RateCells::default(),
            sender,
            namespace: config.namespace,
            zero: OnceLock::new(),
        };
        (rates, leasing)
    }

    /// The moment that is `now` after that which callers count from. Never earlier than it was, so that leases end early
    /// rather than late.
    fn at(&self, now: Duration) -> Instant {
        let zero = self.zero.get_or_init(|| {
            let at = Instant::now();
            at.checked_sub(now).unwrap_or(at)
        });
        *zero + now
    }

    fn cell(&self, key: &RateKey, rule: RateRule, now: Instant) -> Arc<Cell> {
        self.cells.get(
            key,
            rule.crowd(),
            |cell| cell.is_of(rule),
            |cell| cell.is_new(now),
            |key| Cell::new(self.name(key, rule), rule, now),
        )
    }

    /// The name in the server. The subject may be anything that a caller sends, so it stands there as a digest.
    fn name(&self, key: &RateKey, rule: RateRule) -> String {
        let subject = KeyHasher::new("subject").with(key.subject.as_bytes());
        let shape = match rule {
            RateRule::Bucket { every, .. } => format!("bucket:{}", every.as_millis()),
            RateRule::Window { every, .. } => format!("window:{}", every.as_millis()),
            RateRule::Held { .. } => "held".to_owned(),
        };
        let (namespace, rule) = (&self.namespace, &key.rule);
        format!("{namespace}:rate:{rule}:{shape}:{:032x}", subject.finish())
    }
}

impl RateStore for RedisRates {
    fn take(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) -> Taken {
        let now = self.at(now);
        let cell = self.cell(key, rule, now);
        cell.take(&self.sender, rule, amount, now)
    }

    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        let taken = self.at(now);
        let cell = self.cell(key, rule, taken);
        cell.give(&self.sender, rule, amount, taken);
    }

    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        let now = self.at(now);
        let cell = self.cell(key, rule, now);
        cell.charge(&self.sender, rule, amount, now);
    }

    fn borrow<'a>(
        &'a self,
        key: &'a RateKey,
        rule: RateRule,
        amount: u64,
        now: Duration,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            let now = self.at(now);
            let cell = self.cell(key, rule, now);
            let mut borrowing = Borrowing::new(&cell, &self.sender, rule, amount, now)?;
            match tokio::time::timeout(WAIT, borrowing.answered()).await {
                Ok(answer) => answer,
                Err(_) => Err(StoreError::Unavailable(format!(
                    "no answer within {WAIT:?}"
                ))),
            }
        })
    }
}
