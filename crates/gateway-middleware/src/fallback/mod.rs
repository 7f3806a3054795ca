//! Tries other targets when one fails: other keys of the same account, then other endpoints.
//!
//! * A different key or target comes before the same one again. The candidates are tried in order; a key that was
//!   rejected, exhausted or limited rests alone, and a resting candidate is still tried when there is no other.
//! * An error leads on unless it says never. Kinds of error named in `also_on` (a prompt too long for this model, a
//!   content filter) lead on although another try at the same target would fail the same way.
//! * When every candidate has failed, further rounds follow as the retry configuration allows, with its backoff and its
//!   shared budget; a round leaves out candidates that will not answer.
//!
//! Works for streams up to the commit point, and crosses providers and dialects: the lane is chosen per target.
//!
//! A request that is passed on as it is stays with its endpoint: it is tried with the endpoint's other keys alone.
//!
//! Boxes one future per call, because it may wait several times. With a single candidate use
//! [`retry`](crate::retry) instead.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use gateway_middleware::fallback::{Candidate, Fallback, FallbackConfig, Rest};
//! use gateway_middleware::retry::RetryBudget;
//! use gateway_provider::Provider;
//! use gateway_schema::ErrorKind;
//! use gateway_testkit::{Answer, ScriptedProvider, chat_call};
//! use tower::{ServiceExt, service_fn};
//!
//! let candidate = |group, name: &str, answer| {
//!     let provider = Arc::new(ScriptedProvider::new(name, "m").always(answer));
//!     Candidate {
//!         name: name.into(),
//!         group,
//!         service: service_fn(move |call| Arc::clone(&provider).call(call)),
//!         rest: Rest::new(),
//!     }
//! };
//! let candidates = vec![
//!     candidate(0, "first", Answer::fail(ErrorKind::Unavailable)),
//!     candidate(1, "second", Answer::text("Hello")),
//! ];
//! let dice = Arc::new(|| 42);
//! let service = Fallback::new(candidates, FallbackConfig::new(), RetryBudget::new(0.2), dice);
//! let reply = service.oneshot(chat_call("chat", "Hi", false)).await?;
//! assert_eq!(reply.provider.as_str(), "second");
//! # Ok(())
//! # }
//! ```

mod policy;
mod rest;
mod service;

#[cfg(test)]
mod tests;

pub use policy::FallbackConfig;
#[cfg(feature = "route")]
pub(crate) use policy::leads_elsewhere;
pub use rest::{Rest, WeakRest};
pub use service::{Candidate, Fallback};
