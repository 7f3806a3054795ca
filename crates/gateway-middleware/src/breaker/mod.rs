//! Leaves a target alone that fails.
//!
//! * Opens after `failures` upstream faults within `within`: connections refused, timeouts, faults of the provider,
//!   streams that broke. A client's mistake and the gateway's own refusals never count.
//! * Open for `open_for`; then one call probes the target while the others are still refused. Its success closes the
//!   breaker, its failure opens it again. A probe that is abandoned lets the next call probe.
//! * A provider that limits us (429) and says until when is left alone until then.
//! * A refused call is an error of kind unavailable with the time to wait, which a fallback takes as its cue.
//!
//! The state stands in a [`BreakerState`], which may outlive a plan. While all is well a call costs one atomic read.

mod body;
mod future;
mod policy;
mod service;
mod state;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use policy::BreakerConfig;
#[cfg(feature = "load")]
pub(crate) use policy::{Verdict, verdict};
pub use service::Breaking;
pub use state::{BreakerState, BreakerStatus};
