//! Routes, from the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use gateway_config::{Condition as When, Plan, Route, Strategy as Word};
use gateway_middleware::breaker::BreakerState;
use gateway_middleware::fallback::Rest;
use gateway_middleware::load::Load;
use gateway_middleware::route::{
    Condition, Destination, PatternError, RouteConfig, RouteError, Rule, Strategy,
};
use gateway_middleware::usage::Prices;
use gateway_schema::EndpointName;
use http::HeaderName;

use crate::error::BuildError;
use crate::limits;

/// What routes must know about endpoints.
#[derive(Debug, Default)]
pub(crate) struct Watched<'a>(HashMap<&'a EndpointName, Watch>);

/// What is watched of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watch {
    /// Whether its targets rest.
    Rest,
    /// Whether its targets rest, what is under way there, and how long it takes.
    Load,
}

impl<'a> Watched<'a> {
    /// Endpoints that no route chooses are not watched: it would cost them something for nothing.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let mut watched: HashMap<_, Watch> = HashMap::new();
        for route in &plan.routes {
            let watch = match route.strategy {
                Word::LeastLatency | Word::LeastBusy => Watch::Load,
                Word::TrafficSplit | Word::LowestCost | Word::RoundRobin | Word::Priority => {
                    Watch::Rest
                }
            };
            for to in &route.destinations {
                let known = watched.entry(&to.endpoint).or_insert(watch);
                *known = watch.max(*known);
            }
        }
        Self(watched)
    }

    pub(crate) fn get(&self, endpoint: &EndpointName) -> Option<Watch> {
        self.0.get(endpoint).copied()
    }
}

/// The endpoints that a route leads to with their shares: its destinations, then those of its rules.
pub(crate) fn destinations(route: &Route) -> Vec<(&EndpointName, u32)> {
    let mut all: Vec<(&EndpointName, u32)> = route
        .destinations
        .iter()
        .map(|to| (&to.endpoint, u32::from(to.traffic_percentage)))
        .collect();
    for rule in &route.rules {
        if !all.iter().any(|(name, _)| *name == &rule.to) {
            all.push((&rule.to, 0));
        }
    }
    all
}

/// What is known of the targets of an endpoint, for routes that lead there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) load: Load,
    pub(crate) targets: Vec<(Rest, Option<BreakerState>)>,
}

/// A destination, as the route layer has it.
pub(crate) fn destination<S>(
    name: &EndpointName,
    share: u32,
    standing: Standing,
    service: S,
) -> Destination<S> {
    let destination = Destination::new(name.clone(), service)
        .with_share(share)
        .with_load(standing.load);
    let targets = standing.targets.into_iter();
    targets.fold(destination, |it, (rest, breaker)| {
        it.with_target(rest, breaker)
    })
}

/// How a route chooses.
pub(crate) fn config(route: &Route, prices: &Arc<dyn Prices>) -> Result<RouteConfig, BuildError> {
    let mut config = RouteConfig::new(strategy(route.strategy)).with_prices(Arc::clone(prices));
    if let Some(by) = &route.sticky {
        config = config.with_sticky(limits::subject(by));
    }
    for (number, rule) in route.rules.iter().enumerate() {
        let when = condition(&rule.when).map_err(|problem| BuildError::Route {
            route: route.name.clone(),
            problem: format!("rules[{number}]: {problem}"),
        })?;
        config = config.with_rule(Rule::new(when, rule.to.clone()));
    }
    Ok(config)
}

/// What the route layer says of a route.
pub(crate) fn refused(route: &Route, error: &RouteError) -> BuildError {
    BuildError::Route {
        route: route.name.clone(),
        problem: error.to_string(),
    }
}

fn condition(when: &When) -> Result<Condition, String> {
    let mut condition = Condition::new();
    for (name, value) in &when.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("'{name}' is not the name of an HTTP header"))?;
        condition = condition.with_header(name, value.as_str());
    }
    for (name, value) in &when.key {
        condition = condition.with_key(name.as_str(), value.as_str());
    }
    if let Some(range) = &when.prompt_tokens {
        if let Some(over) = range.over {
            condition = condition.with_tokens_over(over);
        }
        if let Some(under) = range.under {
            condition = condition.with_tokens_under(under);
        }
    }
    if let Some(pattern) = &when.content {
        condition = condition
            .with_content(pattern)
            .map_err(|error: PatternError| error.to_string())?;
    }
    for (name, value) in &when.parameters {
        condition = condition.with_parameter(name.as_str(), value.clone());
    }
    Ok(condition)
}

const fn strategy(word: Word) -> Strategy {
    match word {
        Word::LeastLatency => Strategy::Latency,
        Word::LeastBusy => Strategy::Busy,
        Word::LowestCost => Strategy::Cost,
        Word::RoundRobin => Strategy::Turn,
        Word::Priority => Strategy::Priority,
        Word::TrafficSplit => Strategy::Split,
    }
}
