//! Google's Gemini API, both directions: `generateContent`, `streamGenerateContent`, `countTokens`, `embedContent` and
//! `batchEmbedContents`, as AI Studio and Vertex AI speak it.
//!
//! | side | what it offers |
//! |---|---|
//! | client | [`GeminiCodec`] for chat turns, token counts and embeddings; streams as events or as a JSON array |
//! | provider | [`encode_chat`], [`encode_count`], [`encode_embedding`], [`encode_predict`]; [`decode_chat`], [`decode_count`], [`decode_embedding`], [`decode_predict`]; [`StreamDecoder`], [`StreamObserver`]; [`decode_error`] |
//!
//! Reference: <https://ai.google.dev/api/generate-content>, read 2026-11-21, and recorded traffic.
//!
//! What does not come back byte for byte when a request or a reply is read and written again, because it means the same:
//!
//! * white space, key order, snake case, and explicit `null` and empty lists;
//! * functions stand in one tool, and the choice among none is left out;
//! * `parameters` and `responseSchema` become JSON Schema (`parametersJsonSchema`, `responseJsonSchema`);
//! * neighbouring contents of the model become one, as do pieces of a thought, and empty text of the model goes;
//! * the role of the instructions goes, and an absent role becomes `user`;
//! * numbers of finish reasons become words;
//! * `functionResponse` that is neither an object nor text becomes text.

mod codec;
mod embedding;
mod error;
mod finish;
mod model;
mod names;
mod part;
mod reply;
mod request;
mod schema;
mod signature;
mod stream;
mod usage;

pub use codec::GeminiCodec;
pub use embedding::{
    EmbeddingBody, decode_embedding, decode_predict, encode_embedding, encode_predict,
};
pub use error::decode_error;
pub use reply::{decode_chat, decode_count, observe_chat};
pub use request::{Host, encode_chat, encode_chat_for, encode_count, encode_count_for};
pub use stream::{Framing, StreamDecoder, StreamObserver};

#[cfg(test)]
mod tests;
