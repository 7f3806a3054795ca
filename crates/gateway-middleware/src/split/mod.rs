//! Spreads the calls of a traffic route over its destinations by weight.
//!
//! One independent draw per call, as MLflow's `TRAFFIC_SPLIT` has it. The draw stands in the journal as the variant.
//!
//! Spec: MLflow gateway `routes[].destinations[].traffic_percentage`.

mod policy;
mod service;

pub use policy::Weights;
pub use service::{Destination, Split};
