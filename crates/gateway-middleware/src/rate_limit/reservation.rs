use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Call, Journal, LimitKind, LimitNote};
use gateway_schema::CallError;
use gateway_store::rate::{RateKey, RateRule, RateStore, Taken};
use tokio::time::Instant;

use super::away::StoreErrors;
use super::policy::{OnStoreError, Rule, subject, unavailable};
use crate::expected::Expected;
use crate::tally::Tally;

/// What all calls of one service share.
pub(super) struct Shared {
    pub(super) rules: Vec<Rule>,
    pub(super) store: Arc<dyn RateStore>,
    /// The moment that times are counted from.
    pub(super) begun: Instant,
    pub(super) empty: Arc<str>,
    pub(super) errors: Arc<StoreErrors>,
}

impl Shared {
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// What a call wants from each rule.
pub(super) struct Wanted {
    shared: Arc<Shared>,
    keys: Vec<Take>,
    notes: Vec<LimitNote>,
    /// What the call is expected to consume.
    expected: Expected,
    journal: Journal,
}

/// What is taken from one rule, or was.
pub(super) struct Take {
    key: RateKey,
    /// `None`: nothing, because the rule's store is away and the call passes uncounted.
    amount: Option<u64>,
    /// When it was taken. What waits for another process is taken when that has answered.
    at: Duration,
}

/// What taking from all rules came to.
pub(super) enum Outcome {
    /// All of them let the call through.
    Passed(Vec<Take>),
    /// One refuses.
    Refused(CallError),
    /// This process's share of a rule does not suffice.
    Short,
}

impl Wanted {
    pub(super) fn new(shared: Arc<Shared>, call: &Call) -> Self {
        let expected = Expected::of(call);
        let keys = shared
            .rules
            .iter()
            .map(|rule| {
                let key = RateKey {
                    rule: Arc::clone(&rule.name),
                    subject: subject(&rule.per, call, &shared.empty),
                };
                Take {
                    key,
                    amount: Some(rule.reserve(expected)),
                    at: Duration::ZERO,
                }
            })
            .collect();
        Self {
            shared,
            keys,
            notes: Vec::new(),
            expected,
            journal: call.context.journal.clone(),
        }
    }

    /// The reservation of what was taken.
    pub(super) fn reservation(&self, taken: Vec<Take>) -> Box<Reservation> {
        Box::new(Reservation {
            shared: Arc::clone(&self.shared),
            taken,
            tally: Tally::new(self.expected),
            journal: self.journal.clone(),
        })
    }

    /// Takes from every rule, all or nothing.
    pub(super) fn take(&mut self) -> Outcome {
        let now = self.shared.now();
        self.notes.clear();
        for (index, rule) in self.shared.rules.iter().enumerate() {
            let Some(take) = self.keys.get_mut(index) else {
                break;
            };
            take.at = now;
            let Some(amount) = take.amount else { continue };
            let outcome = match self.shared.store.take(&take.key, rule.rule, amount, now) {
                Taken::Yes(state) => {
                    self.notes.push(note(rule.counts, state));
                    continue;
                }
                Taken::No { state, wait } => {
                    self.notes.push(note(rule.counts, state));
                    Outcome::Refused(rule.refusal(&take.key.subject, wait))
                }
                Taken::Short => Outcome::Short,
            };
            give_back(&self.shared, self.keys.iter().take(index));
            return outcome;
        }
        Outcome::Passed(std::mem::take(&mut self.keys))
    }

    /// How the rules stood, for the journal.
    pub(super) fn notes(&mut self) -> Vec<LimitNote> {
        std::mem::take(&mut self.notes)
    }

    /// Takes, asking the other processes for what this one lacks. What was taken is given back when a rule refuses, and
    /// when the caller leaves meanwhile.
    pub(super) async fn take_by_borrowing(mut self) -> Borrowed {
        self.notes.clear();
        let keys = std::mem::take(&mut self.keys);
        let shared = Arc::clone(&self.shared);
        let mut taken = Partly {
            shared: &shared,
            taken: Vec::with_capacity(keys.len()),
        };
        for (rule, mut take) in shared.rules.iter().zip(keys) {
            let Some(amount) = take.amount else {
                taken.taken.push(take);
                continue;
            };
            take.at = shared.now();
            let outcome = match shared.store.take(&take.key, rule.rule, amount, take.at) {
                Taken::Short => {
                    let borrowed = shared.store.borrow(&take.key, rule.rule, amount, take.at);
                    let outcome = borrowed.await;
                    take.at = shared.now();
                    outcome
                }
                known => Ok(known),
            };
            match outcome {
                Ok(Taken::Yes(state)) => {
                    self.notes.push(note(rule.counts, state));
                    taken.taken.push(take);
                }
                Ok(Taken::No { state, wait }) => {
                    self.notes.push(note(rule.counts, state));
                    return (Err(rule.refusal(&take.key.subject, wait)), self.notes());
                }
                Ok(Taken::Short) => {
                    let wait = Duration::from_secs(1);
                    return (Err(rule.refusal(&take.key.subject, wait)), self.notes());
                }
                Err(why) => match rule.on_store_error {
                    OnStoreError::Allow => {
                        tracing::debug!(rule = %rule.name, %why, "the rate store is away: the call passes uncounted");
                        shared.errors.count(OnStoreError::Allow);
                        take.amount = None;
                        taken.taken.push(take);
                    }
                    OnStoreError::Reject => {
                        tracing::debug!(rule = %rule.name, %why, "the rate store is away: the call is refused");
                        shared.errors.count(OnStoreError::Reject);
                        return (Err(unavailable(&rule.name, &why)), self.notes());
                    }
                },
            }
        }
        let taken = std::mem::take(&mut taken.taken);
        (Ok(self.reservation(taken)), self.notes())
    }
}

/// What was taken so far; given back unless it is taken out.
struct Partly<'a> {
    shared: &'a Shared,
    taken: Vec<Take>,
}

impl Drop for Partly<'_> {
    fn drop(&mut self) {
        give_back(self.shared, self.taken.iter());
    }
}

/// Gives back what was taken from the first rules.
fn give_back<'a>(shared: &Shared, taken: impl Iterator<Item = &'a Take>) {
    for (rule, take) in shared.rules.iter().zip(taken) {
        if let Some(amount) = take.amount {
            shared.store.give(&take.key, rule.rule, amount, take.at);
        }
    }
}

/// What borrowing came to, and how the rules stood.
pub(super) type Borrowed = (Result<Box<Reservation>, CallError>, Vec<LimitNote>);

fn note(kind: LimitKind, state: gateway_store::rate::RateState) -> LimitNote {
    LimitNote {
        kind,
        limit: state.limit,
        remaining: state.remaining,
        reset: state.reset,
    }
}

/// What a call has taken. Settles when it is dropped: tokens to what was really used, concurrency to nothing.
pub(super) struct Reservation {
    shared: Arc<Shared>,
    taken: Vec<Take>,
    pub(super) tally: Tally,
    journal: Journal,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let sent = self.journal.notes().sent;
        let usage = std::mem::take(&mut self.tally).total(sent);
        let now = self.shared.now();
        for (rule, take) in self.shared.rules.iter().zip(&self.taken) {
            let Some(reserved) = take.amount else {
                continue;
            };
            let key = &take.key;
            let store = &self.shared.store;
            match rule.used(&usage) {
                Some(used) if used > reserved => store.charge(key, rule.rule, used - reserved, now),
                Some(used) if used < reserved => {
                    store.give(key, rule.rule, reserved - used, take.at);
                }
                None if matches!(rule.rule, RateRule::Held { .. }) => {
                    store.give(key, rule.rule, reserved, take.at);
                }
                _ => {}
            }
        }
    }
}
