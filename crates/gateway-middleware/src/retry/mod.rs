//! Tries the same target again.
//!
//! * Decided on the error's [`Retry`](gateway_schema::Retry) alone: never for a client's mistake.
//! * A provider's wait (`retry-after` in any spelling) is honoured if the call's deadline leaves room for it.
//! * Otherwise waits grow exponentially with full jitter: anything from nothing to the bound is equally likely.
//! * A budget shared by all calls of the endpoint bounds retries to a share of the calls, so that an outage is not
//!   amplified. Ten retries in ten seconds are always allowed.
//!
//! Works for streams up to the commit point: an inner service answers only once a stream has begun well.
//!
//! Boxes one future per call, because it may wait several times.
//! Cancellation: dropping the future stops everything, a wait included.
//!
//! ```
//! use std::sync::Arc;
//! use gateway_middleware::retry::{RetryConfig, RetryLayer};
//!
//! let dice = Arc::new(|| 42);
//! let layer = RetryLayer::new(RetryConfig::new().with_max_attempts(4), dice);
//! # let _ = layer;
//! ```

mod layer;
mod policy;
mod service;

#[cfg(test)]
mod tests;

pub use layer::RetryLayer;
pub use policy::{RetryBudget, RetryConfig};
pub use service::Retrying;

#[cfg(feature = "fallback")]
pub(crate) use policy::{Decision, decide};
