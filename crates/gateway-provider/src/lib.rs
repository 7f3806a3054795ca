//! The contracts between the gateway and its providers.
//!
//! Almost every provider implements [`Wire`]: it turns a [`Call`] into an `http::Request<Bytes>` and bytes back into a
//! reply, without doing I/O. [`HttpProvider`] adds credentials, sending, the commit point and stream plumbing once, for
//! all of them, and so makes a [`Provider`]. A provider crate exports one [`Factory`]; the binary lists factories in a
//! [`Registry`].
//!
//! | noun | what it is |
//! |---|---|
//! | [`Call`] | one request on its way: context, operation, payload |
//! | [`Payload`] | the caller's bytes with their [`Envelope`](gateway_json::Envelope), and the canonical form on first demand |
//! | [`Journal`] | what happened to a call so far: attempts, losses, the lane |
//! | [`Reply`] | a whole answer, or a stream of frames that has passed its commit point |
//! | [`Transport`] | sends requests |
//! | [`Credentials`] | gives the credential for one attempt |
//! | [`Authenticate`] | finds out who calls |
//! | [`Trace`] | the place of a call in a trace |
//! | [`ByteBudget`] | a bound on the bytes that are held for callers |
//!
//! Nothing here knows a vendor, a runtime or a socket. Time comes from a [`Clock`].

mod admission;
mod answer;
mod budget;
mod call;
mod credential;
mod http_provider;
mod inflate;
mod journal;
mod payload;
mod peek;
mod post;
mod provider;
mod raw;
mod reading;
mod redact;
mod registry;
mod reply;
mod retry_after;
mod trace;
mod transport;
mod upload;
mod wire;

pub use admission::{Access, Admission, Authenticate, SignedHead};
pub use answer::{NoStream, content_type, read_json};
pub use budget::{ByteBudget, Exhausted, HeldBytes};
pub use call::{Call, Context, EntryService, Presented, Principal, StreamForm};
pub use credential::{Clock, Credential, Credentials, StaticCredential};
pub use http_provider::HttpProvider;
pub use journal::{
    Attempt, Exchange, Journal, Lane, LimitKind, LimitNote, Notes, Sent, Settle, SettlementHold,
};
pub use payload::{DecodePayload, Payload};
pub use post::{JSON, bearer_header, escaped, post_json, secret_header};
pub use provider::{Provider, ProviderInfo};
pub use raw::{RawHead, RawPath, RawRequest, unversioned};
pub use reading::{Reading, is_address};
pub use registry::{Build, Built, Deps, Environment, Factory, Registry, TargetSpec};
pub use reply::{Holds, Reply, ReplyBody, ReplyStream, Whole, collect};
pub use retry_after::retry_after;
pub use trace::Trace;
pub use transport::{
    BodyStream, BoxFuture, Resent, SendLimits, Transport, TransportError, TransportFault,
};
pub use upload::{Upload, UploadBody, UploadStream};
pub use wire::{Encoded, Target, Wire};
