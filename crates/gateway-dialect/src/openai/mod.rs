//! OpenAI chat completions, completions and embeddings, and everything that imitates them.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>, and the recorded traffic of two dozen vendors
//! that call themselves compatible, which is what the tests read.
//!
//! | side | request | whole reply | stream |
//! |---|---|---|---|
//! | client ([`OpenAi`]) | `decode_*_request` | `encode_*_response` | [`StreamEncoder`] |
//! | provider | `encode_*_request` with [`Quirks`] | `decode_*_response` | [`StreamDecoder`] |
//! | same dialect on both | bytes | [`observe`] | [`Observer`] |
//!
//! It deliberately does not read the Responses API, which is [a dialect of its own](crate::openai_responses).

mod body;
mod chat;
mod codec;
mod completion;
mod counts;
mod embedding;
mod forward;
mod glance;
mod quirks;
mod sampling;
mod stream;
mod usage;

pub use chat::{
    decode_chat_request, decode_chat_response, encode_chat_request, encode_chat_response,
};
pub use codec::{OpenAi, decode_error, decode_response, encode_request};
pub use completion::{
    decode_completion_request, decode_completion_response, encode_completion_request,
    encode_completion_response,
};
pub use embedding::{
    decode_embedding_request, decode_embedding_response, encode_embedding_request,
    encode_embedding_response,
};
pub use forward::{Defaults, Forward, hides_usage};
pub use glance::observe;
pub use quirks::{Attachments, EffortRule, Quirks, ReasoningField};
pub use stream::{Observer, StreamDecoder, StreamEncoder, UsageChunk};

#[cfg(test)]
mod tests;
