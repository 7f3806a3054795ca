//! Answers questions that were asked before from memory.
//!
//! Exact match on the canonical request: order and spelling of fields make no difference, whatever changes the answer
//! does. Callers with different names do not share answers unless the configuration says so. An answer in the caller's
//! own dialect is kept as the provider's bytes and found again by callers of that dialect who ask alike, streamed or
//! whole; a translated answer is kept in canonical form and serves every dialect, streamed and whole. Only finished
//! answers are kept: nothing that failed, broke, or was abandoned.
//!
//! The same question asked several times at once is asked upstream once. Whoever waits drives it: one who leaves does not
//! end it for the others; when nobody is left, it is dropped. A streamed answer goes to all of them as it comes; who
//! joins late gets what was said so far, then goes on with the others. It comes at the pace of the fastest: up to a
//! megabyte of it is kept, once, for those who read slower; who falls behind that far gets an error, the others do not
//! wait. A stream that breaks is broken for all of them. Calls with a deadline of their own are not joined.
//!
//! A caller steers by `cache-control: no-store` or `x-gateway-cache: off` (neither read nor kept), `cache-control:
//! no-cache` or `x-gateway-cache: refresh` (asked anew and kept), and `cache-control: max-age=<seconds>`.
//!
//! With a far cache ([`Answers::shared`]) what one process kept is found by all: memory is asked first, then the far
//! cache, then the provider. A far cache that is away, slow or holds what cannot be read is a miss. What is found there
//! is kept in memory for the rest of its time.
//!
//! A hit costs one pass over the body, one hash and one look-up; bytes are shared, not copied. Without a far cache the
//! canonical form is looked for only once an answer in canonical form was kept: until then nothing is decoded to find
//! none. A question that others may join waits behind one boxed, shared future.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use gateway_middleware::cache::{Answers, CacheConfig, CacheLayer};
//! use gateway_provider::Provider;
//! use gateway_store::cache::CacheBounds;
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").then(Answer::text("Hello")));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let answers = Answers::new(CacheBounds::new(1000, 64 << 20));
//! let service = CacheLayer::new(CacheConfig::new(Duration::from_secs(3600)), answers).layer(asking);
//! for expected in ["miss", "hit"] {
//!     let reply = service.clone().oneshot(chat_call("chat", "Hi", false)).await?;
//!     assert_eq!(reply.headers["x-gateway-cache"], expected);
//! }
//! # Ok(())
//! # }
//! ```

mod body;
mod entry;
mod future;
mod key;
mod layer;
mod levelled;
mod live;
mod policy;
mod service;
mod share;
mod wire;

#[cfg(test)]
mod tests;

pub use entry::Kept;
pub use future::ResponseFuture;
pub use layer::CacheLayer;
pub use policy::CacheConfig;
pub use service::Cached;
pub use share::{Answers, WeakAnswers};
