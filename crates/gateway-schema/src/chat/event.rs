//! What a stream is made of, for chat and completions.

use serde_json::Value;

use super::part::{Citation, Content, Signature};
use super::response::Finish;
use crate::{Dialect, Extra, RemoteError, Usage};

/// One step of a streamed answer.
///
/// A decoder returns the events of one upstream event as one group; an encoder of a dialect with coarse chunks
/// writes one chunk per group. `choice` is the number of the answer (0 unless several were asked for); `call`
/// numbers the tool calls of an answer from 0, in order of appearance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The answer begins. Usually first; some providers repeat or omit it.
    Start {
        /// The provider's id of the answer.
        id: Option<String>,
        /// The model that answers.
        model: Option<String>,
        /// When, in seconds since 1970.
        created: Option<i64>,
        /// What else the provider said.
        extra: Extra,
    },
    /// The role of an answer was stated.
    Role {
        /// Which answer.
        choice: u32,
    },
    /// More text.
    Text {
        /// Which answer.
        choice: u32,
        /// The piece; may be empty.
        text: String,
    },
    /// More reasoning.
    Thinking {
        /// Which answer.
        choice: u32,
        /// The piece; may be empty.
        text: String,
    },
    /// The proof that belongs to the reasoning, text or call just before.
    Signature {
        /// Which answer.
        choice: u32,
        /// The proof.
        signature: Signature,
    },
    /// Encrypted reasoning.
    RedactedThinking {
        /// Which answer.
        choice: u32,
        /// The encrypted reasoning.
        data: String,
    },
    /// More of a refusal.
    Refusal {
        /// Which answer.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// A tool call begins.
    ToolCall {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
        /// Its id, if the provider gives one.
        id: Option<String>,
        /// The tool.
        name: String,
        /// The beginning of the arguments; often empty, sometimes all of them.
        arguments: String,
    },
    /// More arguments of a tool call.
    ToolArguments {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
        /// The piece of JSON text.
        fragment: String,
    },
    /// A source of the text just before.
    Citation {
        /// Which answer.
        choice: u32,
        /// The source.
        citation: Citation,
    },
    /// Token probabilities of this step, in OpenAI's form.
    Logprobs {
        /// Which answer.
        choice: u32,
        /// The probabilities.
        value: Value,
    },
    /// A part, a piece of one, or a field that only one dialect knows, carried as it came.
    Opaque {
        /// Which answer.
        choice: u32,
        /// Whose it is.
        dialect: Dialect,
        /// The piece as it came.
        value: Value,
    },
    /// A part that comes whole: a picture, a sound, a video, a document.
    Part {
        /// Which answer.
        choice: u32,
        /// The part.
        content: Box<Content>,
    },
    /// A content block of the provider's ended.
    PartEnd {
        /// Which answer.
        choice: u32,
    },
    /// The answer ended.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// Consumption so far. Cumulative: later figures replace earlier ones.
    Usage(Usage),
    /// A sign of life.
    Ping,
    /// The provider failed; nothing useful follows.
    Error(RemoteError),
    /// The provider's terminator. A stream without it did not end well.
    End,
}

impl StreamEvent {
    /// The beginning of an answer of which nothing is known yet.
    pub fn start() -> Self {
        Self::Start {
            id: None,
            model: None,
            created: None,
            extra: Extra::new(),
        }
    }

    /// Which answer it is about; `None` for the whole stream.
    pub const fn choice(&self) -> Option<u32> {
        match self {
            Self::Role { choice }
            | Self::Text { choice, .. }
            | Self::Thinking { choice, .. }
            | Self::Signature { choice, .. }
            | Self::RedactedThinking { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::ToolCall { choice, .. }
            | Self::ToolArguments { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Logprobs { choice, .. }
            | Self::Opaque { choice, .. }
            | Self::Part { choice, .. }
            | Self::PartEnd { choice }
            | Self::Finish { choice, .. } => Some(*choice),
            Self::Start { .. } | Self::Usage(_) | Self::Ping | Self::Error(_) | Self::End => None,
        }
    }

    /// True when a caller should see this: content, an end or an error; not signs of life and bookkeeping.
    /// The first meaningful event commits a stream.
    pub fn is_meaningful(&self) -> bool {
        match self {
            Self::Text { text, .. } | Self::Thinking { text, .. } | Self::Refusal { text, .. } => {
                !text.is_empty()
            }
            Self::ToolCall { .. }
            | Self::ToolArguments { .. }
            | Self::RedactedThinking { .. }
            | Self::Signature { .. }
            | Self::Citation { .. }
            | Self::Opaque { .. }
            | Self::Part { .. }
            | Self::Finish { .. }
            | Self::End => true,
            Self::Start { .. }
            | Self::Role { .. }
            | Self::Logprobs { .. }
            | Self::PartEnd { .. }
            | Self::Usage(_)
            | Self::Ping
            | Self::Error(_) => false,
        }
    }
}
