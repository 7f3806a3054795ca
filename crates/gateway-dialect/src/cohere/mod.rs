//! Cohere, version 2: chat, embeddings and rerank; and in [`v1`] the first version, as MLflow's gateway speaks it.
//!
//! What the model says before it calls tools (`tool_plan`) counts as reasoning. Texts go by chat: version 2 has no
//! completions.
//!
//! Reference: <https://docs.cohere.com/reference/chat>, <https://docs.cohere.com/reference/chat-stream>,
//! <https://docs.cohere.com/reference/embed>, <https://docs.cohere.com/reference/rerank>, read on 2026-11-21.

mod chat;
mod citation;
mod client;
mod embedding;
mod error;
mod finish;
mod message;
mod model;
mod observe;
mod rerank;
mod response;
mod stream;
mod usage;
pub mod v1;

#[cfg(test)]
mod tests;

use gateway_schema::{CallError, ErrorKind};
use serde_json::{Map, Value};

pub use chat::{encode_chat, encode_completion_by_chat};
pub use client::CohereCodec;
pub use embedding::{decode_embedding, encode_embedding};
pub use error::decode_error;
pub use observe::{StreamObserver, observe};
pub use rerank::{decode_rerank, encode_rerank};
pub use response::decode_chat;
pub use stream::StreamDecoder;

/// Puts a field that is there.
fn put(body: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(key.to_owned(), value.into());
    }
}

/// Something that is not what the reference says.
fn unreadable(what: &str, detail: impl std::fmt::Display) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        format!("The provider's {what} cannot be read."),
    )
    .with_detail(detail.to_string())
}

/// The object of a reply.
fn object(body: &[u8]) -> Result<Map<String, Value>, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unreadable("answer", "it is no object")),
        Err(error) => Err(unreadable("answer", error)),
    }
}

/// A text, taken out.
fn text(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The items of a list; a lone item counts as a list of one.
fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => Vec::new(),
        Some(one) => vec![one],
    }
}
