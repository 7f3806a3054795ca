//! OpenAI chat completions, completions and embeddings, and everything that imitates them.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat> (read 2026-11), and the recorded traffic of two
//! dozen vendors that call themselves compatible.
//!
//! | side | request | whole reply | stream |
//! |---|---|---|---|
//! | client | `decode_*_request` | `encode_*_response` | |
//! | provider | `encode_*_request` with [`Quirks`] | `decode_*_response` | |
//!
//! It deliberately does not read the Responses API, which is a dialect of its own.

mod body;
mod chat;
mod quirks;
mod sampling;
mod usage;

pub use chat::{
    decode_chat_request, decode_chat_response, encode_chat_request, encode_chat_response,
};
pub use quirks::{EffortRule, Quirks, ReasoningField};
