//! What a chat model answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::part::Part;
use crate::{Extra, Usage};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// A stop sequence was met.
    StopSequence,
    /// The limit was met.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// A filter of the provider's cut it.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// A long turn was paused and can be continued.
    Pause,
    /// The provider failed.
    Error,
    /// A reason of the provider's own; see [`Finish::raw`].
    Other,
}

/// Why an answer ended, with the provider's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Why, in our words.
    pub reason: FinishReason,
    /// Why, in the provider's.
    pub raw: Option<String>,
    /// The stop sequence that was met, if the provider says.
    pub stop_sequence: Option<String>,
}

impl Finish {
    /// A reason without the provider's own word.
    pub const fn new(reason: FinishReason) -> Self {
        Self {
            reason,
            raw: None,
            stop_sequence: None,
        }
    }

    /// A reason with the provider's own word.
    pub fn with_raw(reason: FinishReason, raw: impl Into<String>) -> Self {
        Self {
            reason,
            raw: Some(raw.into()),
            stop_sequence: None,
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Choice {
    /// Its number, from 0.
    pub index: u32,
    /// What the model said, in order; tool calls are parts.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// Token probabilities, in OpenAI's form.
    pub logprobs: Option<Value>,
    /// What else the provider said of this answer.
    pub extra: Extra,
}

/// The answer to a [`ChatRequest`](super::ChatRequest).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatResponse {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<i64>,
    /// The answers.
    pub choices: Vec<Choice>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// The service class that served it.
    pub service_tier: Option<String>,
    /// The provider's fingerprint of its system.
    pub system_fingerprint: Option<String>,
    /// What else the provider said.
    pub extra: Extra,
}
