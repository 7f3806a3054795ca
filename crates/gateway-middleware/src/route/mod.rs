//! One name in front of several endpoints.
//!
//! A call goes where the first [`Rule`] that holds says; else, where something [sticks](RouteConfig::with_sticky),
//! to its caller's own destination; else to the one that the [`Strategy`] chooses.
//!
//! * Destinations whose targets all rest or are left alone by their breakers are avoided while another is fit; when
//!   none is, the one that is fit soonest is asked all the same. A share of zero is for rules only.
//! * Under every strategy but [`Strategy::Split`] the next best destination is asked when one fails, up to the commit
//!   point of a stream, each once; a caller's mistake leads nowhere. A split is an experiment: the variant that was
//!   drawn answers or fails. What a rule decides goes there and nowhere else.
//! * An assignment that sticks is computed, not remembered: it survives restarts and is the same on every node. It
//!   follows the shares, and a change of shares moves only the callers it must. Calls without what they would stick by
//!   go by the strategy.
//! * A request that is passed on as it is never moves to another destination. One that asks no model (files, batches)
//!   goes to the first destination, unless its caller sticks to another: what one keeps, another does not find.
//! * The journal names the destination as the variant, and why: `rules[<number>]`, `sticky`, the strategy, `failover`,
//!   `passthrough`.
//!
//! Choosing takes no lock and allocates nothing. Rules decode the body only where they ask for its content.
//!
//! Spec: MLflow gateway `routes[].destinations[].traffic_percentage`, `routing_strategy`.
//!
//! ```
//! use std::sync::Arc;
//! use gateway_middleware::route::{Condition, Destination, RouteConfig, Routed, Rule, Strategy, Subject};
//! # use gateway_provider::{Call, Reply};
//! # use gateway_schema::CallError;
//! # fn route<S>(small: S, large: S, draw: fn() -> u64) -> Result<Routed<S>, gateway_middleware::route::RouteError>
//! # where S: tower::Service<Call, Response = Reply, Error = CallError> + Clone {
//! let config = RouteConfig::new(Strategy::Split)
//!     .with_sticky(Subject::User)
//!     .with_rule(Rule::new(Condition::new().with_tokens_over(100_000), "large"));
//! let destinations = vec![
//!     Destination::new("small", small).with_share(90),
//!     Destination::new("large", large).with_share(10),
//! ];
//! let route = Routed::new(destinations, config, Arc::new(draw))?;
//! # Ok(route)
//! # }
//! ```

mod config;
mod destination;
mod future;
mod policy;
mod rules;
mod service;

#[cfg(test)]
mod tests;

pub use config::{RouteConfig, RouteError};
pub use destination::Destination;
pub use future::ResponseFuture;
pub use policy::Strategy;
pub use rules::{Condition, PatternError, Rule};
pub use service::Routed;

pub use crate::subject::Subject;
