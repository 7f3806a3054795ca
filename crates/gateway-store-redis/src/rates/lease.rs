//! What this process has of one subject's rate, and what it asks the server for. Pure: time comes in as an argument.
//!
//! Units are *spare* (leased, not taken), *held* (taken places), *returned* (taken, given back too late to be spare again)
//! or *owed* (used beyond what was spare). At every moment the server believes that at least the spare ones are leased,
//! so whatever happens to a message, no unit is spent twice: what is in doubt counts as spent.

use std::time::Duration;

use gateway_store::rate::{RateRule, RateState, Refunds, Taken};
use tokio::time::Instant;

/// A process would like to have what it takes in this time.
const AHEAD: Duration = Duration::from_secs(1);
/// After a refusal the server is not asked for at least and at most this long.
const REFUSED: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Between two questions that nobody waits for.
const PAUSE: Duration = Duration::from_millis(25);
/// How much earlier than the server a process ends a lease, for clocks that do not run alike: a hundredth of it.
const MARGIN: u32 = 100;
/// No wait is longer than this many periods of a bucket: a debt is at most one bucket.
const LONGEST: f64 = 2.0;
/// The largest number that the server counts exactly.
const MOST: u64 = 1 << 53;

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    pub(super) have: u64,
    pub(super) returned: u64,
    pub(super) owed: u64,
    pub(super) need: u64,
    pub(super) least: u64,
    pub(super) wish: u64,
    pub(super) known: Known,
    /// The smallest amount that somebody waits for.
    pub(super) amount: u64,
}

/// What the server said last, given back to it as it came: a server that lost its data learns it again.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Known {
    pub(super) generation: String,
    pub(super) level: String,
    pub(super) at: String,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) granted: u64,
    pub(super) lease: Duration,
    pub(super) known: Known,
    /// When it was asked for: not later than the server's own time of it.
    pub(super) asked: Instant,
}

/// This process's part of one subject's rate.
#[derive(Debug)]
pub(super) struct Lease {
    spare: u64,
    /// Places that are taken.
    held: u64,
    /// What the server believes to be spare here, at least.
    believed: u64,
    returned: u64,
    owed: u64,
    /// A bucket: what may still be given back, in units.
    refunds: Refunds<Instant>,
    /// When the lease ends; spare units end with it.
    until: Option<Instant>,
    /// When the lease began: for a window, what was taken before belongs to another.
    since: Instant,
    refused: Option<Refused>,
    /// What the server had left when it was asked last, and when that was.
    level: f64,
    asked: Option<Instant>,
    known: Known,
    /// Units taken since.
    taken: u64,
    /// Places taken at the same time since, at most.
    peak: u64,
    used: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    until: Instant,
    least: u64,
}

impl Lease {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            spare: 0,
            held: 0,
            believed: 0,
            returned: 0,
            owed: 0,
            refunds: Refunds::default(),
            until: None,
            since: now,
            refused: None,
            level: 0.0,
            asked: None,
            known: Known::default(),
            taken: 0,
            peak: 0,
            used: now,
        }
    }

    /// Takes `amount` of what is here. A no is one that the server said a moment ago.
    pub(super) fn take(&mut self, rule: RateRule, amount: u64, now: Instant) -> Taken {
        self.end(now);
        if self.owed == 0 && self.spare >= amount {
            self.spend(rule, amount, now);
            return Taken::Yes(self.state(rule, now));
        }
        match self.refused {
            Some(refused) if now < refused.until && amount >= refused.least => {
                self.no(rule, amount, now)
            }
            _ => Taken::Short,
        }
    }

    /// A refusal.
    pub(super) fn no(&self, rule: RateRule, amount: u64, now: Instant) -> Taken {
        Taken::No {
            state: self.state(rule, now),
            wait: self.wait(rule, amount, now),
        }
    }

    fn spend(&mut self, rule: RateRule, amount: u64, now: Instant) {
        self.note_missing(rule, now);
        self.spare -= amount;
        self.taken = self.taken.saturating_add(amount);
        if amount > 0 {
            self.used = now;
        }
        if matches!(rule, RateRule::Held { .. }) {
            self.held += amount;
            self.peak = self.peak.max(self.held);
        }
    }

    /// Notes what the bucket is missing, as far as this process can tell.
    fn note_missing(&mut self, rule: RateRule, now: Instant) {
        if let RateRule::Bucket { limit, .. } = rule {
            let there = self.there(rule, now).max(0.0);
            let missing = limit.saturating_sub(whole(there));
            self.refunds.note(now, missing);
        }
    }

    /// Gives back what was taken at `taken`, as far as the bucket was not full without it since.
    pub(super) fn give(&mut self, rule: RateRule, amount: u64, taken: Instant, now: Instant) {
        self.end(now);
        match rule {
            RateRule::Bucket { .. } => {
                let amount = self.refunds.give(taken, amount);
                let paid = amount.min(self.owed);
                self.owed -= paid;
                let spare = (amount - paid).min(self.believed.saturating_sub(self.spare));
                self.spare += spare;
                self.returned = self.returned.saturating_add(amount - paid - spare);
            }
            RateRule::Window { .. } => {
                if self.until.is_some() && taken >= self.since {
                    self.spare += amount.min(self.believed.saturating_sub(self.spare));
                }
            }
            RateRule::Held { .. } => {
                let places = amount.min(self.held);
                self.held -= places;
                if self.until.is_some() {
                    self.spare += places;
                    self.refused = None;
                }
            }
        }
    }

    /// Takes `amount` whatever is left.
    pub(super) fn charge(&mut self, rule: RateRule, amount: u64, now: Instant) {
        self.end(now);
        let spare = amount.min(self.spare);
        self.spend(rule, spare, now);
        if !matches!(rule, RateRule::Held { .. }) {
            // No debt is larger than a full bucket or window.
            self.owed = self.owed.saturating_add(amount - spare).min(rule.limit());
        }
    }

    /// Whether it is time to ask the server although nobody waits: soon there may be too little.
    pub(super) fn runs_low(&self, now: Instant) -> bool {
        if self.is_unsettled() {
            return true;
        }
        let rested = self.asked.is_none_or(|asked| now >= asked + PAUSE);
        let refused = self.refused.is_some_and(|refused| now < refused.until);
        rested && !refused && self.spare <= self.believed / 2
    }

    /// Whether the server should hear of it: a lease that nobody uses, or one that is about to end.
    pub(super) fn is_due(&self, rule: RateRule, now: Instant, lease: Duration) -> bool {
        let idle = self.spare > 0 && now >= self.used + AHEAD;
        let ends = self.until.is_some_and(|until| {
            self.spare + self.held > 0 && until.saturating_duration_since(now) < lease * 2 / 3
        });
        let lapsed = self.until.is_none() && self.held > 0;
        idle || ends || lapsed || self.is_unsettled() || self.has_too_much(rule, now)
    }

    /// The server must hear of something.
    pub(super) const fn is_unsettled(&self) -> bool {
        self.owed > 0 || self.returned > 0
    }

    /// Places that others may need more. Units are seen to in time.
    pub(super) fn has_too_much(&self, rule: RateRule, now: Instant) -> bool {
        let rested = self.asked.is_none_or(|asked| now >= asked + PAUSE);
        matches!(rule, RateRule::Held { .. }) && rested && self.spare > self.wish(rule, 0, now).1
    }

    /// What to have beyond `need`, and from how much on to give some back.
    fn wish(&self, rule: RateRule, need: u64, now: Instant) -> (u64, u64) {
        if now >= self.used + AHEAD && need == 0 {
            return (0, 0);
        }
        if matches!(rule, RateRule::Held { .. }) {
            // Nothing is put by where places are scarce: somebody else waits for them.
            let scarce = self.asked.is_some() && self.level < 1.0;
            let wish = if scarce { 0 } else { 1 + self.peak / 4 };
            return (wish, (wish * 2).max(need));
        }
        let since = self.asked.map_or(AHEAD, |asked| now - asked);
        let since = since.max(Duration::from_millis(50)).as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float is cast to the nearest number there is"
        )]
        let pace = (self.taken as f64 / since * AHEAD.as_secs_f64()).ceil() as u64;
        let wish = pace.max(need);
        (wish, wish.saturating_mul(2))
    }

    /// As good as one that was never used.
    pub(super) fn is_new(&self, now: Instant) -> bool {
        let ended = self.until.is_none_or(|until| now >= until);
        let rested = self.asked.is_none_or(|asked| now >= asked + AHEAD);
        self.held + self.owed + self.returned == 0 && rested && (ended || self.spare == 0)
    }

    /// What to ask. `need` units are waited for in all, `least` by the most modest of those who wait. What is spare
    /// beyond need goes back.
    pub(super) fn ask(&mut self, rule: RateRule, need: u64, least: u64, now: Instant) -> Question {
        self.end(now);
        let (wish, keep) = self.wish(rule, need, now);
        if self.spare > keep {
            let back = self.spare - wish.max(need);
            self.spare -= back;
            if !matches!(rule, RateRule::Held { .. }) {
                self.returned = self.returned.saturating_add(back);
            }
        }
        self.believed = self.spare;
        let held = match rule {
            RateRule::Held { .. } => self.held,
            _ => 0,
        };
        Question {
            have: exact(self.spare + held),
            returned: exact(std::mem::take(&mut self.returned)),
            owed: exact(std::mem::take(&mut self.owed)),
            need: if need == 0 { 0 } else { exact(need + held) },
            least: if need == 0 { 0 } else { exact(least + held) },
            wish: exact(wish.min(rule.limit())),
            known: self.known.clone(),
            amount: least,
        }
    }

    /// What to ask before the end: everything goes back that is not in use.
    pub(super) fn surrender(&mut self, rule: RateRule, now: Instant) -> Question {
        self.end(now);
        if !matches!(rule, RateRule::Held { .. }) {
            self.returned = self.returned.saturating_add(self.spare);
        }
        self.spare = 0;
        self.taken = 0;
        self.ask(rule, 0, 0, now)
    }

    /// Takes the answer to a question.
    pub(super) fn answered(
        &mut self,
        rule: RateRule,
        question: &Question,
        answer: Answer,
        now: Instant,
    ) {
        self.end(now);
        let asked = answer.asked;
        if answer.known.generation != self.known.generation || self.until.is_none() {
            self.since = asked;
        }
        self.spare += answer.granted;
        self.believed += answer.granted;
        self.until =
            (!answer.lease.is_zero()).then(|| asked + answer.lease - answer.lease / MARGIN);
        self.level = answer.known.level.parse().unwrap_or(0.0);
        self.known = answer.known;
        self.asked = Some(asked);
        self.taken = 0;
        self.peak = self.held;
        self.end(now);
        let short = question.need > 0 && question.have + answer.granted < question.least;
        self.refused = short.then(|| {
            let (shortest, longest) = REFUSED;
            let wait = self.wait(rule, question.amount, now);
            Refused {
                until: now + wait.clamp(shortest, longest),
                least: question.amount,
            }
        });
    }

    /// The question may have been heard or not: what was returned is gone, what was owed is owed.
    pub(super) fn lost(&mut self, question: &Question) {
        self.owed = self.owed.saturating_add(question.owed);
    }

    /// The question was never sent.
    pub(super) fn unasked(&mut self, question: &Question) {
        self.owed = self.owed.saturating_add(question.owed);
        self.returned = self.returned.saturating_add(question.returned);
    }

    /// Ends a lease whose time is over.
    fn end(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            self.spare = 0;
            self.believed = 0;
            self.until = None;
        }
    }

    fn state(&self, rule: RateRule, now: Instant) -> RateState {
        let limit = rule.limit();
        let level = self.there(rule, now);
        let remaining = whole(level.max(0.0)).min(limit);
        let reset = match rule {
            RateRule::Bucket { limit, every } => {
                every.mul_f64(((limit as f64 - level) / limit.max(1) as f64).clamp(0.0, LONGEST))
            }
            RateRule::Window { .. } => self.left(now),
            RateRule::Held { .. } => Duration::ZERO,
        };
        RateState {
            limit,
            remaining,
            reset,
        }
    }

    /// What there is, less what is owed, as far as this process can tell.
    fn there(&self, rule: RateRule, now: Instant) -> f64 {
        self.shared(rule, now) + self.spare as f64 - self.owed as f64
    }

    /// What the server has, as far as this process can tell.
    fn shared(&self, rule: RateRule, now: Instant) -> f64 {
        let Some(asked) = self.asked else {
            return rule.limit() as f64;
        };
        match rule {
            RateRule::Bucket { limit, every } => {
                let filled = (now - asked).as_secs_f64() / every.as_secs_f64() * limit as f64;
                (self.level + filled).min(limit as f64)
            }
            RateRule::Window { limit, .. } if self.left(now).is_zero() => limit as f64,
            _ => self.level,
        }
    }

    fn left(&self, now: Instant) -> Duration {
        self.until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// How long until `amount` may be there.
    fn wait(&self, rule: RateRule, amount: u64, now: Instant) -> Duration {
        match rule {
            RateRule::Bucket { limit, every } => {
                let missing = amount as f64 - self.there(rule, now);
                every.mul_f64((missing / limit.max(1) as f64).clamp(0.0, LONGEST))
            }
            RateRule::Window { .. } => self.left(now),
            RateRule::Held { .. } => Duration::ZERO,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is cast to the nearest number there is"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

const fn exact(number: u64) -> u64 {
    if number > MOST { MOST } else { number }
}
