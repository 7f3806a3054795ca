//! The bodies of `InvokeModel`: each vendor's own, for completions, embeddings and rerank.
//!
//! Claude's bodies are those of [`anthropic`](crate::anthropic) with `Host::BEDROCK`.

mod completion;
mod embedding;
mod reply;
mod rerank;
mod stream;

pub use completion::encode_completion;
pub use embedding::{Embedder, decode_embedding, encode_embedding};
pub use reply::decode_completion;
pub use rerank::{decode_rerank, encode_rerank};
pub use stream::{InvokeDecoder, unwrap_chunk};

/// Counts that Bedrock states in headers: `x-amzn-bedrock-input-token-count` and its sibling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Input tokens.
    pub input: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
}

/// Vendors whose models complete text by `InvokeModel`. Models of others complete by Converse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vendor {
    /// Claude before version 3.
    Claude,
    /// Amazon Titan Text.
    Titan,
    /// Amazon Nova.
    Nova,
    /// AI21 Jurassic-2.
    Ai21,
    /// Cohere Command before R.
    Cohere,
    /// Meta Llama.
    Llama,
    /// Mistral's first models.
    Mistral,
}

impl Vendor {
    /// The vendor whose body `model` takes for completions; `None` when it only chats.
    pub fn of(model: &str) -> Option<Self> {
        let model = model.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
        if has(&["claude-v2", "claude-v1", "claude-instant"]) {
            Some(Self::Claude)
        } else if has(&["amazon.titan-text", "amazon.titan-tg1"]) {
            Some(Self::Titan)
        } else if has(&["amazon.nova"]) && !has(&["embed"]) {
            Some(Self::Nova)
        } else if has(&["ai21.j2"]) {
            Some(Self::Ai21)
        } else if has(&["cohere.command-text", "cohere.command-light"]) {
            Some(Self::Cohere)
        } else if has(&["meta.llama"]) {
            Some(Self::Llama)
        } else if has(&[
            "mistral.mistral-7b",
            "mistral.mixtral",
            "mistral.mistral-large-24",
            "mistral.mistral-small-24",
        ]) {
            Some(Self::Mistral)
        } else {
            None
        }
    }
}
