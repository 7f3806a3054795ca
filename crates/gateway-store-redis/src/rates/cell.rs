//! One subject of one rule: its lease, and who waits for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_store::StoreError;
use gateway_store::rate::{RateRule, Taken};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::lease::{Answer, Lease, Question};

/// One subject of one rule.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Its name in the server.
    pub(super) name: String,
    shape: Shape,
    state: Mutex<State>,
}

/// What makes two rules of one name different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Bucket(Duration),
    Window(Duration),
    Held,
}

impl From<RateRule> for Shape {
    fn from(rule: RateRule) -> Self {
        match rule {
            RateRule::Bucket { every, .. } => Self::Bucket(every),
            RateRule::Window { every, .. } => Self::Window(every),
            RateRule::Held { .. } => Self::Held,
        }
    }
}

#[derive(Debug)]
struct State {
    /// The rule as it was used last: a reload may change its number.
    rule: RateRule,
    lease: Lease,
    waiting: VecDeque<Waiter>,
    /// It stands in the queue.
    queued: bool,
    /// A question is on its way, with so many of those who wait.
    asking: Option<usize>,
    /// It will be looked after later.
    timed: bool,
}

#[derive(Debug)]
struct Waiter {
    amount: u64,
    answer: oneshot::Sender<Result<Taken, StoreError>>,
}

/// What is to be done next for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is as good as new, or somebody else sees to it.
    Nothing,
    /// Ask the server.
    Ask,
    /// Look again in a while.
    Look,
}

type Queue = mpsc::Sender<Arc<Cell>>;

impl Cell {
    pub(super) fn new(name: String, rule: RateRule, now: Instant) -> Self {
        Self {
            name,
            shape: rule.into(),
            state: Mutex::new(State {
                rule,
                lease: Lease::new(now),
                waiting: VecDeque::new(),
                queued: false,
                asking: None,
                timed: false,
            }),
        }
    }

    pub(super) fn is_of(&self, rule: RateRule) -> bool {
        self.shape == rule.into()
    }

    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn is_new(&self, now: Instant) -> bool {
        let state = self.state();
        state.waiting.is_empty()
            && state.asking.is_none()
            && !state.queued
            && state.lease.is_new(now)
    }

    pub(super) fn take(
        self: &Arc<Self>,
        queue: &Queue,
        rule: RateRule,
        amount: u64,
        now: Instant,
    ) -> Taken {
        let mut state = self.state();
        state.rule = rule;
        let taken = state.lease.take(rule, amount, now);
        if matches!(taken, Taken::Yes(_)) && amount > 0 && state.lease.runs_low(now) {
            self.queue(&mut state, queue);
        }
        taken
    }

    pub(super) fn give(
        self: &Arc<Self>,
        queue: &Queue,
        rule: RateRule,
        amount: u64,
        taken: Instant,
    ) {
        let mut state = self.state();
        // What was taken may have been taken long ago, and a lease ends now.
        let now = Instant::now();
        state.lease.give(rule, amount, taken, now);
        if state.lease.is_unsettled() || state.lease.has_too_much(rule, now) {
            self.queue(&mut state, queue);
        }
    }

    pub(super) fn charge(
        self: &Arc<Self>,
        queue: &Queue,
        rule: RateRule,
        amount: u64,
        now: Instant,
    ) {
        let mut state = self.state();
        state.lease.charge(rule, amount, now);
        if state.lease.is_unsettled() {
            self.queue(&mut state, queue);
        }
    }

    /// Puts it into the queue unless it is there, or will be asked for again anyway. A full queue is seen to by whoever
    /// waits, and by the next call.
    fn queue(self: &Arc<Self>, state: &mut State, queue: &Queue) -> bool {
        if !state.queued && state.asking.is_none() {
            state.queued = queue.try_send(Arc::clone(self)).is_ok();
            return state.queued;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be asked for now; `None` when a question is on its way. With `quiet`, nothing is asked for, and those
    /// who wait hear why.
    pub(super) fn ask(
        &self,
        quiet: Option<&StoreError>,
        now: Instant,
    ) -> Option<(RateRule, Question)> {
        let mut state = self.state();
        state.queued = false;
        if state.asking.is_some() {
            return None;
        }
        state.waiting.retain(|waiter| !waiter.answer.is_closed());
        if let Some(why) = quiet {
            state.refuse(why);
        }
        let need = state.waiting.iter().map(|waiter| waiter.amount);
        let (need, least) = need.fold((0_u64, u64::MAX), |(need, least), amount| {
            (need.saturating_add(amount), least.min(amount))
        });
        let least = if state.waiting.is_empty() { 0 } else { least };
        state.asking = Some(state.waiting.len());
        let rule = state.rule;
        Some((rule, state.lease.ask(rule, need, least, now)))
    }

    /// What is to be asked before the end: everything goes back that is not in use.
    pub(super) fn surrender(&self, now: Instant) -> Option<(RateRule, Question)> {
        let mut state = self.state();
        if state.asking.is_some() {
            return None;
        }
        state.asking = Some(0);
        let rule = state.rule;
        Some((rule, state.lease.surrender(rule, now)))
    }

    /// The server has answered.
    pub(super) fn answered(&self, question: &Question, answer: Answer, now: Instant) -> Next {
        let mut state = self.state();
        let asked_for = state.asking.take().unwrap_or_default();
        let rule = state.rule;
        state.lease.answered(rule, question, answer, now);
        let waiting = std::mem::take(&mut state.waiting);
        for (index, waiter) in waiting.into_iter().enumerate() {
            if waiter.answer.is_closed() {
                continue;
            }
            match state.lease.take(rule, waiter.amount, now) {
                Taken::Short if index >= asked_for => state.waiting.push_back(waiter),
                Taken::Short => {
                    let no = state.lease.no(rule, waiter.amount, now);
                    // Whoever left needs no answer.
                    drop(waiter.answer.send(Ok(no)));
                }
                taken => {
                    let is_yes = matches!(taken, Taken::Yes(_));
                    if waiter.answer.send(Ok(taken)).is_err() && is_yes {
                        state.lease.give(rule, waiter.amount, now, now);
                    }
                }
            }
        }
        if !state.waiting.is_empty() || state.lease.is_unsettled() {
            return Next::Ask;
        }
        state.look_again(now)
    }

    /// The question got lost, or was never asked.
    pub(super) fn failed(&self, question: &Question, was_sent: bool, why: &StoreError) -> Next {
        let mut state = self.state();
        state.asking = None;
        if was_sent {
            state.lease.lost(question);
        } else {
            state.lease.unasked(question);
        }
        state.refuse(why);
        state.look_again(Instant::now())
    }

    /// Looks after a lease that nobody asked for.
    pub(super) fn look(&self, now: Instant, lease: Duration) -> Next {
        let mut state = self.state();
        state.timed = false;
        if state.queued || state.asking.is_some() {
            return Next::Nothing;
        }
        let rule = state.rule;
        if state.lease.is_due(rule, now, lease) {
            return Next::Ask;
        }
        state.look_again(now)
    }

    /// It was due, but nobody can be asked now.
    pub(super) fn look_later(&self) -> Next {
        let mut state = self.state();
        state.look_again(Instant::now())
    }
}

impl State {
    fn refuse(&mut self, why: &StoreError) {
        for waiter in self.waiting.drain(..) {
            drop(waiter.answer.send(Err(why.clone())));
        }
    }

    fn look_again(&mut self, now: Instant) -> Next {
        if self.timed || self.lease.is_new(now) {
            return Next::Nothing;
        }
        self.timed = true;
        Next::Look
    }
}

/// A call that waits for its share. Dropped early, it gives back what came after all.
pub(super) struct Borrowing<'a> {
    cell: &'a Arc<Cell>,
    queue: &'a Queue,
    rule: RateRule,
    amount: u64,
    receiver: oneshot::Receiver<Result<Taken, StoreError>>,
    /// What is known without asking.
    known: Option<Taken>,
}

impl<'a> Borrowing<'a> {
    pub(super) fn new(
        cell: &'a Arc<Cell>,
        queue: &'a Queue,
        rule: RateRule,
        amount: u64,
        now: Instant,
    ) -> Result<Self, StoreError> {
        let (answer, receiver) = oneshot::channel();
        let mut state = cell.state();
        state.rule = rule;
        let known = match state.lease.take(rule, amount, now) {
            Taken::Short => None,
            known => Some(known),
        };
        if known.is_none() {
            state.waiting.push_back(Waiter { amount, answer });
            if !cell.queue(&mut state, queue) {
                state.waiting.pop_back();
                return Err(StoreError::Unavailable("too many wait for it".to_owned()));
            }
        }
        drop(state);
        Ok(Self {
            cell,
            queue,
            rule,
            amount,
            receiver,
            known,
        })
    }

    pub(super) async fn answered(&mut self) -> Result<Taken, StoreError> {
        if let Some(known) = self.known.take() {
            return Ok(known);
        }
        match (&mut self.receiver).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unavailable(
                "nobody asks for it any more".to_owned(),
            )),
        }
    }
}

impl Drop for Borrowing<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        let late = self.receiver.try_recv().ok().and_then(Result::ok);
        if let Some(Taken::Yes(_)) = self.known.or(late) {
            let now = Instant::now();
            self.cell.give(self.queue, self.rule, self.amount, now);
        }
    }
}
