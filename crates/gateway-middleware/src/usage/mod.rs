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
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use gateway_middleware::usage::UsageLayer;
//! use gateway_provider::Provider;
//! use gateway_store::{MemoryRecords, Settlement};
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::text("Hello")));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let records = Arc::new(MemoryRecords::new(100));
//! let service = UsageLayer::new(records.clone()).layer(asking);
//! service.oneshot(chat_call("chat", "Hi", false)).await?;
//! let record = records.take().pop().unwrap();
//! assert_eq!(record.settlement, Settlement::Completed);
//! assert_eq!(record.usage.output_tokens, Some(5));
//! # Ok(())
//! # }
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
