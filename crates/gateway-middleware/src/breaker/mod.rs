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
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use gateway_middleware::breaker::{BreakerConfig, BreakerState, BreakerStatus, Breaking};
//! use gateway_provider::Provider;
//! use gateway_schema::ErrorKind;
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::fail(ErrorKind::Unavailable)));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let state = BreakerState::new();
//! let config = BreakerConfig::new(1, Duration::from_secs(30), Duration::from_secs(15));
//! let service = Breaking::new(asking, config, state.clone());
//! assert!(service.clone().oneshot(chat_call("chat", "Hi", false)).await.is_err());
//! assert!(matches!(state.status(), BreakerStatus::Open(_)));
//! let refused = service.oneshot(chat_call("chat", "Hi", false)).await.unwrap_err();
//! assert_eq!(refused.code(), Some("breaker_open"));
//! # Ok(())
//! # }
//! ```

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
pub use state::{BreakerState, BreakerStatus, WeakBreakerState};
