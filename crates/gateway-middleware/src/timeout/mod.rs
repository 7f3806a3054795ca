//! Ends calls that take too long, and streams that stall.
//!
//! * `first_event` bounds the time to a stream's first meaningful event, or to a whole answer.
//! * `idle` bounds the silence between two frames of a stream. After the provider's terminator silence is no fault:
//!   the stream then simply ends. A caller that reads slowly does not make the provider late.
//! * `total` bounds the call from beginning to end. A deadline in the call's context bounds it too; the earlier counts.
//!   [`Overall`], above retries and fallbacks, makes a deadline of it that all attempts share.
//! * The caller's own deadline says nothing about the provider: it trips no breaker. What comes too late to be asked is
//!   not asked.
//!
//! A reply that is ready wins over a timer that is due.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use gateway_middleware::timeout::{TimeoutConfig, TimeoutLayer};
//! use gateway_provider::Provider;
//! use gateway_schema::ErrorKind;
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::Never));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let config = TimeoutConfig::new().with_first_event(Duration::from_millis(10));
//! let service = TimeoutLayer::new(config).layer(asking);
//! let error = service.oneshot(chat_call("chat", "Hi", false)).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Timeout);
//! # Ok(())
//! # }
//! ```

mod body;
mod future;
mod layer;
mod overall;
mod policy;
mod service;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use overall::Overall;
pub use policy::TimeoutConfig;
pub use service::Timeout;
