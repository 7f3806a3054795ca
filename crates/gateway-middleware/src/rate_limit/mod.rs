//! Bounds requests, tokens and concurrency per key, user, endpoint, address or header value.
//!
//! * A call must pass every rule; what was taken from some is given back when another refuses.
//! * Token rules reserve an estimate (the prompt's size, and the limit that the request states for each answer) and settle
//!   on the real usage, or on what was sent and received: at the end of a stream, at an error, and when the caller leaves.
//!   A full bucket always admits one call, however long.
//! * Requests are counted when they reach a provider or fail on the way; concurrency is held until the stream is over.
//! * The state of every rule stands in the journal, for the headers of the reply, whether it passed or not.
//! * A store that is away is a stated policy per rule: refuse with 503, or let through. [`StoreErrors`] counts both.
//!
//! The hot path makes no network call and waits for no lock but that of its own subject, which is held for a few
//! statements: with a shared store only a share that is used up is awaited.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use gateway_middleware::rate_limit::{RateLimitLayer, Rule, Subject};
//! use gateway_provider::{LimitKind, Provider};
//! use gateway_schema::ErrorKind;
//! use gateway_store::rate::{MemoryRates, RateRule};
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::text("Hello")));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let rule = RateRule::Bucket { limit: 1, every: Duration::from_secs(60) };
//! let rules = vec![Rule::new("chat/limits[0]", Subject::Endpoint, LimitKind::Requests, rule)];
//! let service = RateLimitLayer::new(rules, Arc::new(MemoryRates::new())).layer(asking);
//! assert!(service.clone().oneshot(chat_call("chat", "Hi", false)).await.is_ok());
//! let refused = service.oneshot(chat_call("chat", "Hi", false)).await.unwrap_err();
//! assert_eq!(refused.kind(), ErrorKind::RateLimited);
//! # Ok(())
//! # }
//! ```

mod away;
mod body;
mod future;
mod layer;
mod policy;
mod reservation;
mod service;

#[cfg(test)]
mod tests;

pub use away::StoreErrors;
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use policy::{OnStoreError, Rule};
pub use service::RateLimited;

pub use crate::subject::Subject;
