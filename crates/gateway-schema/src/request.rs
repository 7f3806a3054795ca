//! Requests and replies of every operation, as one type each.

use crate::chat::{ChatRequest, ChatResponse};
use crate::completion::{CompletionRequest, CompletionResponse};
use crate::embedding::{EmbeddingRequest, EmbeddingResponse};
use crate::rerank::{RerankRequest, RerankResponse};
use crate::{Losses, Usage};
use serde::{Deserialize, Serialize};

/// What a caller asks, in canonical form.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// A chat turn, also for [`Operation::CountTokens`](crate::Operation::CountTokens).
    Chat(Box<ChatRequest>),
    /// A text completion.
    Completion(Box<CompletionRequest>),
    /// Embedding vectors.
    Embedding(Box<EmbeddingRequest>),
    /// Documents by relevance.
    Rerank(Box<RerankRequest>),
}

impl Request {
    /// Whether a stream is wanted; `None` for what is never answered by one.
    pub const fn stream(&self) -> Option<bool> {
        match self {
            Self::Chat(request) => Some(request.stream),
            Self::Completion(request) => Some(request.stream),
            Self::Embedding(_) | Self::Rerank(_) => None,
        }
    }

    /// States whether a stream is wanted, where there can be one.
    pub const fn set_stream(&mut self, stream: bool) {
        match self {
            Self::Chat(request) => request.stream = stream,
            Self::Completion(request) => request.stream = stream,
            Self::Embedding(_) | Self::Rerank(_) => {}
        }
    }
}

/// What a provider answered at once, in canonical form. Streams are [`StreamEvent`](crate::chat::StreamEvent)s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Response {
    /// A chat turn.
    Chat(Box<ChatResponse>),
    /// A text completion.
    Completion(Box<CompletionResponse>),
    /// Embedding vectors.
    Embedding(Box<EmbeddingResponse>),
    /// Documents by relevance.
    Rerank(Box<RerankResponse>),
    /// The number of input tokens.
    CountTokens {
        /// Input tokens of the request.
        input_tokens: u64,
    },
}

impl Response {
    /// What the call consumed, as far as the reply says.
    pub fn usage(&self) -> Option<&Usage> {
        match self {
            Self::Chat(reply) => reply.usage.as_ref(),
            Self::Completion(reply) => reply.usage.as_ref(),
            Self::Embedding(reply) => reply.usage.as_ref(),
            Self::Rerank(reply) => reply.usage.as_ref(),
            Self::CountTokens { .. } => None,
        }
    }

    /// Bytes of generated text, reasoning and arguments of tools included: what tokens are estimated by where the provider
    /// states none.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Chat(reply) => {
                let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
                parts.map(|part| part.content.text_bytes()).sum()
            }
            Self::Completion(reply) => reply.choices.iter().map(|choice| choice.text.len()).sum(),
            Self::Embedding(_) | Self::Rerank(_) | Self::CountTokens { .. } => 0,
        }
    }
}

/// A decoded value, and what was lost while decoding it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T = Request> {
    /// The canonical form.
    pub value: T,
    /// What did not fit into it.
    pub losses: Losses,
}

impl<T> Decoded<T> {
    /// A value that lost nothing.
    pub fn whole(value: T) -> Self {
        Self {
            value,
            losses: Losses::new(),
        }
    }
}
