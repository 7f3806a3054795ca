//! The wire formats of LLM APIs, each once, in both directions.
//!
//! A dialect is a folder. It converts to and from the canonical types of `gateway-schema`, and to nothing else:
//! no code here knows two dialects.
//!
//! | side | what it offers |
//! |---|---|
//! | client | a [`ClientCodec`]: request in, reply and stream out |
//! | provider | functions `encode_*` (request out), `decode_*` (reply in), a [`Decode`](gateway_schema::stream::Decode) for streams, an observing one for the same-dialect lane, and `decode_error` |
//!
//! Everything is pure: no clock, no randomness, no sockets. Ids and times that a format demands come in [`ReplyInfo`].

pub mod anthropic;
pub mod bedrock;
mod calls;
pub mod cohere;
pub mod event_stream;
pub mod failure;
pub mod gemini;
mod generated;
pub mod known;
mod lines;
#[cfg(test)]
mod malformed;
pub mod members;
pub mod mlflow;
mod node;
pub mod openai;
pub mod openai_responses;
mod proofs;
mod ranking;
pub mod rerank;
pub mod sse;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tgi;
mod tool_form;

use std::sync::Arc;

use bytes::Bytes;
use gateway_schema::stream::Encode;
use gateway_schema::{CallError, Decoded, Dialect, Losses, Mapping, Operation, Response};

use crate::members::MemberShape;

pub use tool_form::{ToolForm, ToolKind};

/// What an encoder of requests must know about the target.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestOptions<'a> {
    /// The provider's name of the model.
    pub model: &'a str,
    /// Whose conversions apply.
    pub mapping: Mapping,
}

impl<'a> RequestOptions<'a> {
    /// A request to `model` with the caller's values as they are.
    pub const fn new(model: &'a str) -> Self {
        Self {
            model,
            mapping: Mapping::Faithful,
        }
    }

    /// Applies another mapping.
    pub const fn with_mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }
}

/// An encoded request body, and what it could not carry.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedRequest {
    /// The body.
    pub body: Bytes,
    /// What it could not carry.
    pub losses: Losses,
}

/// What a reply needs besides the provider's answer: facts for fields that some providers leave out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReplyInfo {
    /// The configured model, for answers that name none.
    pub model: String,
    /// The provider that answered, as the configuration spells it.
    pub provider: String,
    /// An id without prefix (32 hex digits), for answers that have none.
    pub id: String,
    /// Seconds since 1970, for answers that state no time.
    pub created: i64,
    /// Whether the caller asked for usage at the end of a stream.
    pub include_usage: bool,
    /// The tools of the request that the client calls in a form of its own.
    pub tool_forms: Arc<[ToolForm]>,
}

impl ReplyInfo {
    /// The facts of one reply.
    pub fn new(
        model: impl Into<String>,
        provider: impl Into<String>,
        id: impl Into<String>,
        created: i64,
    ) -> Self {
        Self {
            model: model.into(),
            provider: provider.into(),
            id: id.into(),
            created,
            include_usage: false,
            tool_forms: Arc::default(),
        }
    }

    /// Names the tools that the client calls in a form of its own.
    pub fn with_tool_forms(mut self, forms: Arc<[ToolForm]>) -> Self {
        self.tool_forms = forms;
        self
    }

    /// States whether the caller asked for usage at the end of a stream.
    pub const fn with_include_usage(mut self, include_usage: bool) -> Self {
        self.include_usage = include_usage;
        self
    }
}

/// The client side of a dialect: what a surface of the gateway speaks.
pub trait ClientCodec: Send + Sync + 'static {
    /// Which dialect it is.
    fn dialect(&self) -> Dialect;

    /// What the members at the top of a request must be, for [`members::check`]. Empty for dialects whose requests are always
    /// decoded first, and in words of their own.
    fn shape(&self, operation: Operation) -> &'static [MemberShape] {
        let _ = operation;
        &[]
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// [`CallError`] of origin client: JSON that does not parse (with its position), or every wrong field at once.
    fn decode(&self, operation: Operation, body: &[u8]) -> Result<Decoded, CallError>;

    /// Writes a whole reply. What it cannot carry is added to `losses`.
    ///
    /// # Errors
    /// [`CallError`] of kind unsupported when the dialect has no such reply at all.
    fn encode(
        &self,
        response: &Response,
        info: &ReplyInfo,
        losses: &mut Losses,
    ) -> Result<Bytes, CallError>;

    /// Writes one streamed reply.
    fn encoder(&self, operation: Operation, info: &ReplyInfo) -> Box<dyn Encode>;
}
