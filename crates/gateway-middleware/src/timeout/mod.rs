//! Ends calls that take too long, and streams that stall.
//!
//! * `first_event` bounds the time to a stream's first meaningful event, or to a whole answer.
//! * `idle` bounds the silence between two frames of a stream. After the provider's terminator silence is no fault:
//!   the stream then simply ends. A caller that reads slowly does not make the provider late.
//! * `total` bounds the call from beginning to end. A deadline in the call's context bounds it too; the earlier counts.
//!
//! A reply that is ready wins over a timer that is due.
//!
//! ```
//! use std::time::Duration;
//! use gateway_middleware::timeout::{TimeoutConfig, TimeoutLayer};
//!
//! let layer = TimeoutLayer::new(TimeoutConfig::new().with_idle(Duration::from_secs(30)));
//! # let _ = layer;
//! ```

mod body;
mod future;
mod layer;
mod policy;
mod service;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use policy::TimeoutConfig;
pub use service::Timeout;
