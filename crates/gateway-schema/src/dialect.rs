//! Names of wire formats.

use std::fmt;

/// A wire format, by name. An open set: a third-party provider may speak one of its own.
///
/// Two parties with the same dialect can exchange bytes untouched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dialect(&'static str);

impl Dialect {
    /// OpenAI chat completions, completions and embeddings, and everything that imitates them.
    pub const OPENAI: Self = Self("openai");
    /// OpenAI Responses.
    pub const OPENAI_RESPONSES: Self = Self("openai-responses");
    /// Anthropic Messages.
    pub const ANTHROPIC: Self = Self("anthropic");
    /// Gemini `generateContent`.
    pub const GEMINI: Self = Self("gemini");
    /// AWS Bedrock Converse.
    pub const BEDROCK: Self = Self("bedrock");
    /// Cohere v2.
    pub const COHERE: Self = Self("cohere");
    /// Documents by relevance in the form that Jina, Together, vLLM and others share.
    pub const RERANK: Self = Self("rerank");
    /// MLflow AI Gateway.
    pub const MLFLOW: Self = Self("mlflow");

    /// A dialect of somebody else's.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, as it stands in headers, records and metrics.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
