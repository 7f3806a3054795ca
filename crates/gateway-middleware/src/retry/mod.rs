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
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use gateway_middleware::retry::{RetryConfig, RetryLayer};
//! use gateway_provider::Provider;
//! use gateway_schema::{CallError, ErrorKind, Retry};
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let busy = CallError::upstream(ErrorKind::Unavailable, "busy").with_retry(Retry::Same);
//! let provider = Arc::new(ScriptedProvider::new("p", "m").then(Answer::Fail(busy)).then(Answer::text("Hello")));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let config = RetryConfig::new().with_max_attempts(4).with_backoff(Duration::ZERO, Duration::ZERO);
//! let service = RetryLayer::new(config, Arc::new(|| 42)).layer(asking);
//! let call = chat_call("chat", "Hi", false);
//! let journal = call.context.journal.clone();
//! assert!(service.oneshot(call).await.is_ok());
//! assert_eq!(journal.notes().attempts.len(), 2);
//! # Ok(())
//! # }
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
