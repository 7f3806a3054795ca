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
    keys: Vec<(RateKey, Option<u64>)>,
    notes: Vec<LimitNote>,
    /// What the call is expected to consume.
    expected: Expected,
    journal: Journal,
    /// When it took.
    at: Duration,
}

/// What taking from all rules came to.
pub(super) enum Outcome {
    /// All of them let the call through.
    Passed(Vec<(RateKey, Option<u64>)>),
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
                (key, Some(rule.reserve(expected)))
            })
            .collect();
        Self {
            shared,
            keys,
            notes: Vec::new(),
            expected,
            journal: call.context.journal.clone(),
            at: Duration::ZERO,
        }
    }

    /// The reservation of what was taken.
    pub(super) fn reservation(&self, taken: Vec<(RateKey, Option<u64>)>) -> Box<Reservation> {
        Box::new(Reservation {
            shared: Arc::clone(&self.shared),
            taken,
            at: self.at,
            tally: Tally::new(self.expected),
            journal: self.journal.clone(),
        })
    }

    /// Takes from every rule, all or nothing.
    pub(super) fn take(&mut self) -> Outcome {
        let now = self.shared.now();
        self.at = now;
        self.notes.clear();
        for (index, (rule, (key, amount))) in self.shared.rules.iter().zip(&self.keys).enumerate() {
            let Some(amount) = *amount else { continue };
            let outcome = match self.shared.store.take(key, rule.rule, amount, now) {
                Taken::Yes(state) => {
                    self.notes.push(note(rule.counts, state));
                    continue;
                }
                Taken::No { state, wait } => {
                    self.notes.push(note(rule.counts, state));
                    Outcome::Refused(rule.refusal(&key.subject, wait))
                }
                Taken::Short => Outcome::Short,
            };
            give_back(&self.shared, self.keys.iter().take(index), now);
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
        self.at = shared.now();
        let mut taken = Partly {
            shared: &shared,
            now: self.at,
            taken: Vec::with_capacity(keys.len()),
        };
        for (rule, (key, amount)) in shared.rules.iter().zip(keys) {
            let Some(amount) = amount else {
                taken.taken.push((key, None));
                continue;
            };
            let outcome = match shared.store.take(&key, rule.rule, amount, taken.now) {
                Taken::Short => {
                    let borrowed = shared.store.borrow(&key, rule.rule, amount, taken.now);
                    borrowed.await
                }
                known => Ok(known),
            };
            match outcome {
                Ok(Taken::Yes(state)) => {
                    self.notes.push(note(rule.counts, state));
                    taken.taken.push((key, Some(amount)));
                }
                Ok(Taken::No { state, wait }) => {
                    self.notes.push(note(rule.counts, state));
                    return (Err(rule.refusal(&key.subject, wait)), self.notes());
                }
                Ok(Taken::Short) => {
                    let wait = Duration::from_secs(1);
                    return (Err(rule.refusal(&key.subject, wait)), self.notes());
                }
                Err(why) => match rule.on_store_error {
                    OnStoreError::Allow => {
                        tracing::debug!(rule = %rule.name, %why, "the rate store is away: the call passes uncounted");
                        shared.errors.count(OnStoreError::Allow);
                        taken.taken.push((key, None));
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
    now: Duration,
    taken: Vec<(RateKey, Option<u64>)>,
}

impl Drop for Partly<'_> {
    fn drop(&mut self) {
        give_back(self.shared, self.taken.iter(), self.now);
    }
}

/// Gives back what was taken at `now` from the first rules.
fn give_back<'a>(
    shared: &Shared,
    taken: impl Iterator<Item = &'a (RateKey, Option<u64>)>,
    now: Duration,
) {
    for (rule, (key, amount)) in shared.rules.iter().zip(taken) {
        if let Some(amount) = *amount {
            shared.store.give(key, rule.rule, amount, now);
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
    taken: Vec<(RateKey, Option<u64>)>,
    /// When it was taken.
    at: Duration,
    pub(super) tally: Tally,
    journal: Journal,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let sent = self.journal.notes().sent;
        let usage = std::mem::take(&mut self.tally).total(sent);
        let now = self.shared.now();
        for (rule, (key, reserved)) in self.shared.rules.iter().zip(&self.taken) {
            let Some(reserved) = *reserved else { continue };
            let store = &self.shared.store;
            match rule.used(&usage) {
                Some(used) if used > reserved => store.charge(key, rule.rule, used - reserved, now),
                Some(used) if used < reserved => {
                    store.give(key, rule.rule, reserved - used, self.at);
                }
                None if matches!(rule.rule, RateRule::Held { .. }) => {
                    store.give(key, rule.rule, reserved, self.at);
                }
                _ => {}
            }
        }
    }
}
