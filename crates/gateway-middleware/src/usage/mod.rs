//! Settles every call exactly once into a [`CallRecord`](gateway_store::CallRecord).
//!
//! The outermost layer. A whole answer settles when it is there; a stream settles at its end, at its error, or when the
//! caller drops it. A call whose future is dropped before it answered settles as cancelled. Tokens that the provider
//! never reported are estimated from what went by and marked so.
//!
//! A [`Meter`] says what is metered besides: what calls cost ([`Prices`]), how many are on their way, what was said.
//!
//! Cancellation: the record is made in a drop guard, which sends one message and does nothing else.
//!
//! ```
//! use std::sync::Arc;
//! use gateway_middleware::usage::UsageLayer;
//! use gateway_store::MemoryRecords;
//!
//! let records = Arc::new(MemoryRecords::new(100));
//! let layer = UsageLayer::new(records);
//! # let _ = layer;
//! ```

mod body;
mod content;
mod future;
mod guard;
mod layer;
mod meter;
mod service;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::UsageLayer;
pub use meter::{InFlight, Meter, Prices};
pub use service::Metered;
