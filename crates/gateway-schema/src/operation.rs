//! What a call asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a call asks for, independent of the format it is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// A chat turn.
    Chat,
    /// A text completion (the older, prompt-based form).
    Completion,
    /// Embedding vectors.
    Embedding,
    /// Documents ordered by relevance.
    Rerank,
    /// The number of input tokens of a chat request.
    CountTokens,
    /// Any other path of a provider's own API, forwarded as it is.
    Proxy,
}

impl Operation {
    /// The name in records and metrics: OpenTelemetry's `gen_ai.operation.name` where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "text_completion",
            Self::Embedding => "embeddings",
            Self::Rerank => "rerank",
            Self::CountTokens => "count_tokens",
            Self::Proxy => "proxy",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which mapping between a caller's values and a provider's applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// The caller's values, as they are.
    #[default]
    Faithful,
    /// MLflow's own conversions (for instance a temperature halved for Anthropic), on MLflow's own URLs.
    Mlflow,
}
