//! Bedrock: Converse, both directions, and the bodies of `InvokeModel`.
//!
//! | side | what it offers |
//! |---|---|
//! | client | [`BedrockCodec`] for chat turns |
//! | provider | [`encode_chat`], [`encode_count`]; [`decode_chat`], [`decode_count`], [`observe_chat`]; [`StreamDecoder`], [`StreamObserver`]; [`invoke`] for completions, embeddings and rerank; [`decode_error`] |
//!
//! Reference: the service model `bedrock-runtime/2023-09-30` of botocore 1.43.11, and recorded traffic. Streams are
//! [event streams](crate::event_stream).
//!
//! What does not come back byte for byte when a request or a reply is read and written again, because it means the same:
//!
//! * white space, key order, explicit `null`, empty lists and objects, `status: success`, `ttl: 5m`, and padding (`p`);
//! * neighbours of the same role become one turn, empty text blocks go;
//! * JSON in a tool result becomes its text;
//! * `type: tool_use` of a call, which says nothing (`server_tool_use` does);
//! * `metrics` (AWS's own stopwatch) and aliases of counts in `usage` go;
//! * a `citationsContent` block without citations becomes text.

mod block;
mod codec;
mod error;
mod finish;
pub mod invoke;
mod model;
mod request;
mod response;
mod stream;
mod usage;

use gateway_schema::{CallError, ErrorKind};
use serde_json::Value;

pub use block::has_foreign_proofs;
pub use codec::BedrockCodec;
pub use error::decode_error;
pub use request::{additional_defaults, encode_chat, encode_count};
pub use response::{decode_chat, decode_count, observe_chat};
pub use stream::{StreamDecoder, StreamObserver};

/// Puts a field into an object; anything else stays as it is.
fn set(object: &mut Value, key: impl Into<String>, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(key.into(), value);
    }
}

/// Something that is not what the service model says.
fn unreadable(what: &str, detail: impl std::fmt::Display) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        format!("The provider's {what} cannot be read."),
    )
    .with_detail(detail.to_string())
}

#[cfg(test)]
mod tests;
