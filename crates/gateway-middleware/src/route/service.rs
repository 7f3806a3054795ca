use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::{CallError, ErrorKind, Usage};
use tower_service::Service;

use super::config::{RouteConfig, RouteError};
use super::destination::Destination;
use super::future::{ResponseFuture, Spare};
use super::policy::{Set, Strategy, first, hash, latency, least, split, sticky, turn};
use super::rules;
use crate::Dice;
use crate::expected::{USUAL_OUTPUT, output_tokens};

/// One name in front of several endpoints. See the [module](super).
pub struct Routed<S>(Arc<Shared<S>>);

/// What all calls of one route share.
pub(super) struct Shared<S> {
    destinations: Vec<Destination<S>>,
    /// Those that strategies choose from.
    taking_part: Set,
    config: RouteConfig,
    /// Where the rules lead, and what the record says of it.
    rules: Vec<(usize, Arc<str>)>,
    sticky: Arc<str>,
    strategy: Arc<str>,
    failover: Arc<str>,
    passthrough: Arc<str>,
    turns: AtomicUsize,
    dice: Dice,
}

impl<S> Routed<S> {
    /// A route over `destinations`.
    ///
    /// # Errors
    /// [`RouteError`]: a rule leads nowhere, or there are too many destinations.
    pub fn new(
        destinations: Vec<Destination<S>>,
        config: RouteConfig,
        dice: Dice,
    ) -> Result<Self, RouteError> {
        if destinations.len() > Set::CAPACITY {
            return Err(RouteError::TooMany(destinations.len()));
        }
        let rules = config.rules.iter().enumerate().map(|(number, rule)| {
            let to = destinations.iter().position(|it| it.name == rule.to);
            let to = to.ok_or_else(|| RouteError::UnknownDestination(rule.to.clone()))?;
            Ok((to, format!("rules[{number}]").into()))
        });
        let rules = rules.collect::<Result<_, _>>()?;
        let has_share = |number: usize| destinations.get(number).is_some_and(|it| it.share > 0);
        Ok(Self(Arc::new(Shared {
            taking_part: Set::of(destinations.len(), has_share),
            rules,
            sticky: "sticky".into(),
            strategy: config.strategy.as_str().into(),
            failover: "failover".into(),
            passthrough: "passthrough".into(),
            turns: AtomicUsize::new(0),
            destinations,
            config,
            dice,
        })))
    }
}

impl<S> Clone for Routed<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Routed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.destinations.iter().map(|to| &to.name).collect();
        f.debug_struct("Routed")
            .field("destinations", &names)
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for Routed<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // Which destination must be ready is known only in the call; its future waits for it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let shared = &self.0;
        let choice = match shared.choose(&call) {
            Ok(Some(choice)) => choice,
            Ok(None) => return ResponseFuture::refused(no_destination()),
            Err(error) => return ResponseFuture::refused(error),
        };
        let leads_on = choice.leads_on && shared.taking_part.len() > 1;
        call.context.may_ask_again |= leads_on;
        let spare = leads_on.then(|| Spare::new(Arc::clone(shared), call.again(), choice.number));
        match shared.send(choice.number, choice.why, &mut call) {
            Some(service) => ResponseFuture::to(service, call, spare),
            None => ResponseFuture::refused(no_destination()),
        }
    }
}

/// Where a call goes.
struct Choice {
    number: usize,
    why: Arc<str>,
    /// Another destination may answer when this one fails.
    leads_on: bool,
}

impl<S> Shared<S> {
    /// Rules first, then what sticks, then the strategy.
    fn choose(&self, call: &Call) -> Result<Option<Choice>, CallError> {
        let conditions = self.config.rules.iter().map(|rule| &rule.when);
        let rule = rules::first(conditions, call)?;
        if let Some((number, why)) = rule.and_then(|rule| self.rules.get(rule)) {
            return Ok(Some(Choice {
                number: *number,
                why: Arc::clone(why),
                leads_on: false,
            }));
        }
        let raw = call.payload.raw();
        // Another endpoint has other paths, and other files behind them.
        let leads_on = self.config.strategy.leads_on() && raw.is_none();
        let keeps = raw.is_some_and(|raw| raw.asks.is_none());
        let who = self.config.sticky.as_ref().and_then(|by| by.of(call));
        let (number, why) = match who {
            Some(who) => (self.own(hash(who.as_str().as_bytes())), &self.sticky),
            None if keeps => (first(self.taking_part), &self.passthrough),
            None => (self.best(call, Set::default()), &self.strategy),
        };
        Ok(number.map(|number| Choice {
            number,
            why: Arc::clone(why),
            leads_on,
        }))
    }

    /// The destination of a caller.
    fn own(&self, caller: u64) -> Option<usize> {
        let of = |number: usize| {
            let destination = self.destinations.get(number);
            destination.map_or((0, 0), |it| (it.hash, it.share))
        };
        match self.fit(Set::default()) {
            none if none.is_empty() => self.soonest(Set::default()),
            fit => sticky(fit, of, caller),
        }
    }

    /// The best destination, by the strategy, that has not been `tried`: among those that are fit, else the one that
    /// is fit soonest.
    pub(super) fn best(&self, call: &Call, tried: Set) -> Option<usize> {
        let fit = self.fit(tried);
        if fit.is_empty() {
            return self.soonest(tried);
        }
        let get = |number: usize| self.destinations.get(number);
        match self.config.strategy {
            Strategy::Split => {
                let share = |number| get(number).map_or(0, |it| it.share);
                split(fit, share, (self.dice)())
            }
            Strategy::Latency => {
                let cost = |number| get(number).map_or(f32::MAX, |it| it.load.cost(call.stream));
                latency(fit, cost, (self.dice)())
            }
            Strategy::Busy => {
                let busy = |number| get(number).map_or(u64::MAX, |it| it.load.in_flight());
                least(fit, busy, (self.dice)())
            }
            Strategy::Cost => {
                // A limit is no wish: answers are hardly ever as long as they may be.
                let output = output_tokens(call).min(USUAL_OUTPUT);
                let usage = Usage::new(rules::tokens(call), output);
                least(fit, |number| self.price(number, &usage), (self.dice)())
            }
            Strategy::Turn => turn(fit, self.turns.fetch_add(1, Ordering::Relaxed)),
            Strategy::Priority => first(fit),
        }
    }

    /// What a call is expected to cost there. What nobody knows the price of comes last.
    fn price(&self, number: usize, usage: &Usage) -> i64 {
        let prices = self.config.prices.as_ref();
        let price = prices
            .zip(self.destinations.get(number))
            .and_then(|(prices, it)| prices.cost(&it.name, usage));
        price.map_or(i64::MAX, |(cost, _)| cost.nanos())
    }

    fn fit(&self, tried: Set) -> Set {
        Set::of(self.destinations.len(), |number| {
            self.untried(number, tried) && self.wait(number).is_zero()
        })
    }

    /// All that are left rest or are left alone: the one that is fit soonest, as a rested key beats no answer.
    fn soonest(&self, tried: Set) -> Option<usize> {
        let left = Set::of(self.destinations.len(), |number| {
            self.untried(number, tried)
        });
        least(left, |number| self.wait(number), 0)
    }

    fn untried(&self, number: usize, tried: Set) -> bool {
        self.taking_part.contains(number) && !tried.contains(number)
    }

    fn wait(&self, number: usize) -> std::time::Duration {
        self.destinations
            .get(number)
            .map_or(std::time::Duration::MAX, Destination::wait)
    }

    pub(super) fn failover(&self) -> Arc<str> {
        Arc::clone(&self.failover)
    }
}

impl<S: Clone> Shared<S> {
    /// Addresses the call to a destination, and notes why.
    pub(super) fn send(&self, number: usize, why: Arc<str>, call: &mut Call) -> Option<S> {
        let destination = self.destinations.get(number)?;
        let mut notes = call.context.journal.notes();
        notes.variant = Some(destination.name.clone());
        notes.variant_reason = Some(why);
        drop(notes);
        call.context.endpoint = destination.name.clone();
        Some(destination.service.clone())
    }
}

fn no_destination() -> CallError {
    let message = "The route has no destination with traffic.";
    CallError::gateway(ErrorKind::Unavailable, message)
}
