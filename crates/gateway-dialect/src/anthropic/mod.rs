//! Anthropic's Messages API, both directions, and its older completions.
//!
//! | side | what it offers |
//! |---|---|
//! | client | [`AnthropicCodec`] for chat turns and token counts |
//! | provider | [`encode_chat`], [`encode_count`], [`encode_completion`]; [`decode_chat`], [`decode_count`], [`decode_completion`]; [`StreamDecoder`], [`StreamObserver`], [`CompletionDecoder`]; [`decode_error`] |
//!
//! Reference: <https://platform.claude.com/docs/en/api/messages>, read 2026-11-21, and recorded traffic.
//!
//! What does not come back byte for byte when a request or a reply is read and written again, because it means the same:
//!
//! * white space, key order, and explicit `null`, `is_error: false` and `stream: false`;
//! * neighbours of the same role become one turn, empty text blocks go;
//! * the older `output_format` becomes `output_config.format`, objects in it say `additionalProperties: false`;
//! * `caller` of a tool call goes in streams, where the canonical events have no place for it;
//! * thinking with an empty signature is not sent to the API, which would refuse it.

mod block;
mod codec;
mod completion;
mod error;
mod finish;
mod model;
mod request;
mod response;
mod stream;
mod usage;

pub use block::has_foreign_proofs;
pub use codec::AnthropicCodec;
pub use completion::{
    CompletionDecoder, completes_by_chat, decode_completion, decode_completion_by_chat,
    encode_completion, encode_completion_by_chat, encode_completion_for,
};
pub use error::decode_error;
pub use request::{Host, encode_chat, encode_chat_for, encode_count, encode_count_for};
pub use response::{decode_chat, decode_count, observe_chat};
pub use stream::{StreamDecoder, StreamObserver};

#[cfg(test)]
mod tests;
