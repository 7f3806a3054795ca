//! Watches how a target does: how many calls are under way there, how long its first token takes, and until when it
//! rests. What is seen stands in a [`Load`] and a [`Rest`](crate::fallback::Rest), which may outlive a plan, and which
//! a [`route`](crate::route) chooses by.
//!
//! * A call is under way until its answer is over, streams included. Waiting in line for a place counts.
//! * The time to the first token is kept as a peak-sensitive moving average: a slower answer counts at once, faster
//!   ones bring it down over some ten seconds, and what is older than half a minute is forgotten. Streams and whole
//!   answers are kept apart, as a whole answer takes as long as it is.
//! * A fault counts as a very slow answer, so that a target that fails fast does not look fast. A call that is
//!   abandoned took at least as long as its caller waited. A caller's mistake says nothing.
//! * A target that rejects its key, or is limited, rests as behind a [`fallback`](crate::fallback).
//!
//! What is seen takes one atomic word each; nothing is locked and nothing waits.
//!
//! ```
//! use gateway_middleware::load::{Load, Observed};
//! # use gateway_provider::{Call, Reply};
//! # use gateway_schema::CallError;
//! # fn watched<S>(target: S) -> Observed<S>
//! # where S: tower::Service<Call, Response = Reply, Error = CallError> {
//! let load = Load::new();
//! let target = Observed::new(target).with_load(load.clone());
//! assert_eq!(load.in_flight(), 0);
//! # target
//! # }
//! ```

mod body;
mod future;
mod pace;
mod service;
mod state;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use service::Observed;
pub use state::{Load, WeakLoad};
