//! Sheds load: when the process has as much to do as it may, a new call is refused at once, with a 503 and when to come
//! back, instead of slowing all others.
//!
//! Two bounds: calls in flight (optional; streams count until they are over), and the bytes that are held for callers, which
//! whoever reads them counts in [`Capacity::memory`]. Those are given back when they are dropped, so that a full process
//! recovers at once. The look costs four atomic reads; [`Capacity::check`] can be asked before a request's body
//! is read, [`Capacity::enter`] takes the place.
//!
//! ```
//! use gateway_middleware::overload::{Capacity, CapacityBounds, ShedLayer};
//!
//! let capacity = Capacity::new();
//! capacity.bound(CapacityBounds::new().with_max_in_flight(1));
//! let place = capacity.enter().unwrap();
//! let refused = capacity.enter().unwrap_err();
//! assert_eq!(refused.code(), Some("overloaded"));
//! drop(place);
//! assert!(capacity.enter().is_ok());
//! # let layer = ShedLayer::new(capacity);
//! # let _ = layer;
//! ```

mod body;
mod capacity;
mod future;
mod layer;
mod policy;
mod service;

#[cfg(test)]
mod tests;

pub use capacity::{Capacity, Place};
pub use future::ResponseFuture;
pub use layer::ShedLayer;
pub use policy::{CapacityBounds, Overloaded};
pub use service::Shedding;
