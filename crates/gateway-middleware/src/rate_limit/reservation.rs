use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Call, LimitKind, LimitNote};
use gateway_schema::CallError;
use gateway_store::rate::{RateKey, RateRule, RateStore, Taken};
use tokio::time::Instant;

use super::policy::{OnStoreError, Rule, subject};
use crate::expected::Expected;
use crate::tally::Tally;

/// What all calls of one service share.
pub(super) struct Shared {
    pub(super) rules: Vec<Rule>,
    pub(super) store: Arc<dyn RateStore>,
    /// The moment that times are counted from.
    pub(super) begun: Instant,
    pub(super) empty: Arc<str>,
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
}

/// What taking from all rules came to.
pub(super) enum Outcome {
    /// All of them let the call through.
    Passed(Vec<(RateKey, Option<u64>)>),
    /// One refuses.
    Refused(CallError),
    /// This process's share of the rule of that number does not suffice.
    Short(usize),
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
        }
    }

    /// Takes from every rule, all or nothing. Rules without an amount are excused.
    pub(super) fn take(&mut self) -> Outcome {
        let now = self.shared.now();
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
                Taken::Short => Outcome::Short(index),
            };
            for (rule, (key, amount)) in self.shared.rules.iter().zip(&self.keys).take(index) {
                if let Some(amount) = *amount {
                    self.shared.store.give(key, rule.rule, amount, now);
                }
            }
            return outcome;
        }
        Outcome::Passed(std::mem::take(&mut self.keys))
    }

    /// How the rules stood, for the journal.
    pub(super) fn notes(&mut self) -> Vec<LimitNote> {
        std::mem::take(&mut self.notes)
    }

    /// Takes, borrowing from the shared store what this process lacks.
    pub(super) async fn take_by_borrowing(mut self) -> Borrowed {
        let mut borrowed = 0;
        loop {
            let index = match self.take() {
                Outcome::Passed(keys) => {
                    let notes = self.notes();
                    return (Ok(keys), notes);
                }
                Outcome::Refused(error) => {
                    let notes = self.notes();
                    return (Err(error), notes);
                }
                Outcome::Short(index) => index,
            };
            let (Some(rule), Some((key, Some(amount)))) =
                (self.shared.rules.get(index), self.keys.get(index))
            else {
                continue;
            };
            borrowed += 1;
            let away = match self.shared.store.borrow(key, rule.rule, *amount).await {
                // Others may take what was borrowed in between; that cannot go on for long.
                Ok(()) if borrowed <= 2 * self.shared.rules.len() => None,
                Ok(()) => Some("the share was used up while it was borrowed".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            match (away, rule.on_store_error) {
                (None, _) => {}
                (Some(why), OnStoreError::Allow) => {
                    tracing::warn!(rule = %rule.name, %why, "the rate store is away: the call passes uncounted");
                    if let Some((_, amount)) = self.keys.get_mut(index) {
                        *amount = None;
                    }
                }
                (Some(why), OnStoreError::Reject) => {
                    tracing::warn!(rule = %rule.name, %why, "the rate store is away: the call is refused");
                    let error = rule
                        .refusal(&key.subject, Duration::from_secs(1))
                        .with_detail(why);
                    return (Err(error), self.notes());
                }
            }
        }
    }
}

/// What borrowing came to, and how the rules stood.
pub(super) type Borrowed = (
    Result<Vec<(RateKey, Option<u64>)>, CallError>,
    Vec<LimitNote>,
);

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
    pub(super) tally: Tally,
}

impl Reservation {
    pub(super) fn new(
        shared: Arc<Shared>,
        taken: Vec<(RateKey, Option<u64>)>,
        tally: Tally,
    ) -> Self {
        Self {
            shared,
            taken,
            tally,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let usage = std::mem::take(&mut self.tally).total();
        let now = self.shared.now();
        for (rule, (key, reserved)) in self.shared.rules.iter().zip(&self.taken) {
            let Some(reserved) = *reserved else { continue };
            let store = &self.shared.store;
            match rule.used(&usage) {
                Some(used) if used > reserved => store.charge(key, rule.rule, used - reserved, now),
                Some(used) if used < reserved => store.give(key, rule.rule, reserved - used, now),
                None if matches!(rule.rule, RateRule::Held { .. }) => {
                    store.give(key, rule.rule, reserved, now);
                }
                _ => {}
            }
        }
    }
}
