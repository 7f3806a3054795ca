//! Bounds the calls to one target at the same time, with a fair, bounded queue.
//!
//! A call that finds no place waits in line, first come first served. A line that is as long as `queue` answers at once
//! with a clear 503 instead of slowing everybody. A place is held until the answer is over: a stream's
//! until its last frame, a whole one's until it has been handed to the client.
//!
//! Cancellation: a call that is dropped leaves the line at once.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use gateway_middleware::concurrency::{ConcurrencyLimited, Places};
//! use gateway_provider::Provider;
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::pieces(&["Hel", "lo"])));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! // One call at a time, and no line.
//! let service = ConcurrencyLimited::new(asking, Some(Places::new(1, 0)));
//! let stream = service.clone().oneshot(chat_call("chat", "Hi", true)).await?;
//! let refused = service.clone().oneshot(chat_call("chat", "Hi", true)).await.unwrap_err();
//! assert_eq!(refused.code(), Some("concurrency_limit"));
//! drop(stream);
//! assert!(service.oneshot(chat_call("chat", "Hi", true)).await.is_ok());
//! # Ok(())
//! # }
//! ```

mod body;
mod future;
mod service;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use service::{ConcurrencyLimited, Places, WeakPlaces};
