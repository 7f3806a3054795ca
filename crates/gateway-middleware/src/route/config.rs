//! How a route chooses.

use std::fmt;
use std::sync::Arc;

use gateway_schema::EndpointName;

use super::policy::{Set, Strategy};
use super::rules::Rule;
use crate::subject::Subject;
use crate::usage::Prices;

/// How a route chooses among its destinations.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RouteConfig {
    /// How one is chosen when nothing else decides.
    pub strategy: Strategy,
    /// What stays with one destination.
    pub sticky: Option<Subject>,
    /// Looked at in order, before everything else; the first that holds decides.
    pub rules: Vec<Rule>,
    /// What calls cost, for [`Strategy::Cost`].
    pub prices: Option<Arc<dyn Prices>>,
}

impl RouteConfig {
    /// Without rules, and nothing sticks.
    pub fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            ..Self::default()
        }
    }

    /// Keeps what belongs together at one destination, in the proportion of the shares.
    pub fn with_sticky(mut self, by: Subject) -> Self {
        self.sticky = Some(by);
        self
    }

    /// Adds a rule after those that are there.
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// States what calls cost.
    pub fn with_prices(mut self, prices: Arc<dyn Prices>) -> Self {
        self.prices = Some(prices);
        self
    }
}

impl fmt::Debug for RouteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteConfig")
            .field("strategy", &self.strategy)
            .field("sticky", &self.sticky)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Why destinations and rules make no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A rule leads to an endpoint that is no destination; one with a share of zero will do.
    #[error("a rule leads to '{0}', which is no destination")]
    UnknownDestination(EndpointName),
    /// More destinations than a route can tell apart.
    #[error("{0} destinations; at most {max} are possible", max = Set::CAPACITY)]
    TooMany(usize),
}
