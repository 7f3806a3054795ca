//! What a caller asks of a chat model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::message::Message;
use super::tool::{Tool, ToolChoice};
use crate::Extra;

/// Limits and sampling, common to chat and completions.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Sampling {
    /// The most tokens to generate (the older spelling, visible output).
    pub max_tokens: Option<u64>,
    /// The most tokens to generate, reasoning included (the newer spelling of OpenAI).
    pub max_completion_tokens: Option<u64>,
    /// Randomness, in the range of the caller's dialect.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Sample from the k best only.
    pub top_k: Option<u64>,
    /// Penalty on frequent tokens.
    pub frequency_penalty: Option<f64>,
    /// Penalty on tokens that occurred.
    pub presence_penalty: Option<f64>,
    /// Where to stop.
    pub stop: Vec<String>,
    /// Whether `stop` was written as a bare string. A hint.
    pub stop_is_text: bool,
    /// The seed, for repeatable answers.
    pub seed: Option<i64>,
    /// How many answers.
    pub n: Option<u32>,
    /// Bias by token id.
    pub logit_bias: Option<Map<String, Value>>,
}

impl Sampling {
    /// The most tokens to generate, whichever spelling was used.
    pub fn output_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }
}

/// How hard to think.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// As much as possible.
    #[serde(rename = "xhigh")]
    ExtraHigh,
    /// A provider's own word.
    #[serde(untagged)]
    Other(String),
}

/// How the model shall reason before it answers.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Reasoning {
    /// False switches reasoning off, true on; `None` leaves it to the model.
    pub enabled: Option<bool>,
    /// How hard.
    pub effort: Option<Effort>,
    /// The most tokens to spend on it.
    pub budget_tokens: Option<u64>,
    /// Whether to show it, in the provider's word (`auto`, `concise`, `detailed`, `summarized`, `omitted`).
    pub summary: Option<String>,
    /// The reasoning object as the caller wrote it, for a target of the same dialect.
    pub extra: Extra,
}

/// The form the answer must have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// A name for the schema.
        name: Option<String>,
        /// What the answer is for.
        description: Option<String>,
        /// The JSON Schema, key order kept.
        schema: Value,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// A chat turn.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ChatRequest {
    /// The model the caller named, if the dialect carries one.
    pub model: Option<String>,
    /// The conversation. Instructions stand where they were given (first, for dialects with a field of their own).
    pub messages: Vec<Message>,
    /// Tools the model may call. `Some` of an empty list is not the same as `None` to every provider.
    pub tools: Option<Vec<Tool>>,
    /// Which of them it may or must call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// The form the answer must have.
    pub response_format: Option<ResponseFormat>,
    /// Limits and sampling.
    pub sampling: Sampling,
    /// How to reason.
    pub reasoning: Option<Reasoning>,
    /// Report token probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives per token to report.
    pub top_logprobs: Option<u32>,
    /// Answer as a stream.
    pub stream: bool,
    /// Whether the caller asked for usage at the end of a stream.
    pub include_usage: Option<bool>,
    /// A name of the end user, for abuse tracing.
    pub user: Option<String>,
    /// Notes to keep with the request at the provider.
    pub metadata: Option<Map<String, Value>>,
    /// The provider's service class.
    pub service_tier: Option<String>,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl ChatRequest {
    /// Asks for the next turn of `messages`, everything else left to the model.
    pub fn new(messages: Vec<Message>) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }
}
