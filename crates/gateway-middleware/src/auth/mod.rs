//! Finds out who calls, and lets callers ask only what they may.
//!
//! [`Authenticator`] knows virtual keys, issuers of tokens, or both. It stands behind two users: the HTTP edge asks it
//! before it looks at anything else of a request, and the [`AuthLayer`] asks it for calls that come without an edge. A
//! call whose principal was checked before is not checked again; what it may ask is looked at in any case.
//!
//! * A key is found by one keyed hash and one look into a map; see [`gateway_store::keys`].
//! * `Basic` credentials carry the key as the password, or as the user name with an empty password.
//! * A token is taken for one if it has a token's shape, no key is equal to it, and its issuer is configured. Its
//!   signature must be of an asymmetric algorithm; see [`KeySet`] for where its key comes from.
//! * A request that is signed by AWS's Signature Version 4 is checked against the configured key pairs, its body included;
//!   see [`gateway_sigv4`].
//! * Callers without a credential are let in only when [`Authenticator::with_anonymous`] says so. A wrong credential
//!   is refused all the same.
//!
//! Unknown, expired and disabled credentials are told apart in the error's detail, for the log, and in
//! [`RefusalCounts`]. A stranger gets the same words for all of them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use gateway_middleware::auth::{AuthLayer, Authenticator};
//! use gateway_provider::{Presented, Principal, Provider};
//! use gateway_schema::ErrorKind;
//! use gateway_store::keys::{HashKey, KeyRecord, MemoryKeys};
//! use gateway_testkit::{Answer, ManualClock, ScriptedProvider, chat_call};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let provider = Arc::new(ScriptedProvider::new("p", "m").always(Answer::text("Hello")));
//! let asking = service_fn(move |call| Arc::clone(&provider).call(call));
//!
//! let hash = HashKey::random()?;
//! let keys = MemoryKeys::new(hash, [("sk-team-a", KeyRecord::new("team-a"))]);
//! let authenticator = Authenticator::new(Arc::new(keys), Arc::new(ManualClock::new()));
//! let service = AuthLayer::new(Arc::new(authenticator)).layer(asking);
//! for (key, expected) in [("sk-team-a", None), ("sk-stranger", Some(ErrorKind::Unauthenticated))] {
//!     let mut call = chat_call("chat", "Hi", false);
//!     call.context.principal = Principal::default();
//!     call.context.presented = Some(Arc::new(Presented::new("authorization", key)));
//!     let outcome = service.clone().oneshot(call).await;
//!     assert_eq!(outcome.err().map(|error| error.kind()), expected);
//! }
//! # Ok(())
//! # }
//! ```

mod authenticator;
mod future;
mod jwt;
mod layer;
mod policy;
mod presented;
mod service;

#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, Signer};
pub use future::ResponseFuture;
pub use jwt::{Issuer, KeySet, KeySetSource, KeySets};
pub use layer::AuthLayer;
pub use policy::{Refusal, RefusalCounts, TokenFault};
pub use service::Auth;
