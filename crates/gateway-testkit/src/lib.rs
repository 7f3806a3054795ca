//! Tools for testing providers, layers and whole gateways. A dev-dependency, also of crates outside this workspace.
//!
//! | tool | stands in for |
//! |---|---|
//! | [`ScriptedTransport`] | the network below a provider: replies to order, requests recorded, no socket |
//! | [`ScriptedProvider`] | a provider below a layer: answers to order, calls recorded |
//! | [`chat_call`] | a caller |
//! | [`ManualClock`], [`FixedEnvironment`] | the wall clock; variables and files |
//! | [`chaos::Chaos`] | a provider behind a real socket that misbehaves on request |
//! | [`provider::Suite`] | a reviewer: what every provider must do, run against yours |
//! | [`store`] | a reviewer: what every store must do; and a far cache in memory |
//! | [`split`] | a network that cuts bodies anywhere |
//! | [`recordings`] | recorded traffic of providers and of MLflow, if it is on this machine |
//!
//! Everything but [`chaos`] runs without sockets; nothing reads the machine's clock or environment.
//!
//! ```
//! use gateway_testkit::{ScriptedReply, ScriptedTransport};
//!
//! let transport = ScriptedTransport::new()
//!     .then(ScriptedReply::json(429, &serde_json::json!({"error": {"message": "slow down"}})))
//!     .then(ScriptedReply::sse("data: {}\n\ndata: [DONE]\n\n").cut());
//! assert_eq!(transport.requests().len(), 0);
//! ```

pub mod chaos;
pub mod provider;
pub mod recordings;
pub mod split;
pub mod store;

mod clock;
mod environment;
mod scripted_provider;
mod transport;

pub use clock::ManualClock;
pub use environment::FixedEnvironment;
pub use scripted_provider::{Answer, ScriptedProvider};
pub use transport::{ScriptedReply, ScriptedTransport, Step};

use std::sync::Arc;
use std::time::Instant;

use gateway_provider::{Call, Context, Deps, Payload, Principal};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::{Operation, Request};

/// A chat call of `endpoint` that says `text`, from a caller who may ask everything.
pub fn chat_call(endpoint: &str, text: &str, stream: bool) -> Call {
    let mut context = Context::new("request-1".into(), endpoint.into(), Instant::now());
    context.principal = Principal::trusted();
    let mut request = ChatRequest::new(vec![Message::user(text)]);
    request.stream = stream;
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    Call::new(context, Operation::Chat, stream, payload)
}

/// What providers are built with in tests: `transport`, a clock that stands still, no variables, no files.
pub fn deps(transport: &ScriptedTransport) -> Deps {
    Deps::new(
        Arc::new(transport.clone()),
        Arc::new(ManualClock::new()),
        Arc::new(FixedEnvironment::new()),
    )
}
