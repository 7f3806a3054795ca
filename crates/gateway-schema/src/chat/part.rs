//! What a message is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Dialect, Extra};

/// One part of a message, with the marks that any part can carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// The part itself.
    pub content: Content,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheControl>,
    /// The provider's proof that it made this part, to be sent back as it is.
    pub signature: Option<Signature>,
    /// What else the dialect said.
    pub extra: Extra,
}

impl Part {
    /// A part without marks.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            signature: None,
            extra: Extra::new(),
        }
    }

    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text {
            text: text.into(),
            citations: Vec::new(),
        })
    }

    /// A call of a tool.
    pub fn tool_call(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self::new(Content::ToolCall(ToolCall {
            id: Some(id.into()),
            name: name.into(),
            arguments: arguments.into(),
        }))
    }

    /// Reasoning, shown.
    pub fn thinking(text: impl Into<String>) -> Self {
        Self::new(Content::Thinking {
            text: text.into(),
            id: None,
        })
    }
}

impl From<Content> for Part {
    fn from(content: Content) -> Self {
        Self::new(content)
    }
}

/// The kinds of parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Where it comes from, if the provider says.
        citations: Vec<Citation>,
    },
    /// A picture.
    Image {
        /// Where the picture is.
        media: Media,
        /// How closely to look.
        detail: Option<ImageDetail>,
    },
    /// Sound.
    Audio(Media),
    /// A film.
    Video(Media),
    /// A document: PDF or text.
    Document {
        /// Where the document is.
        media: Media,
        /// Its title or file name.
        title: Option<String>,
        /// What the model should know about it.
        context: Option<String>,
        /// Whether the answer shall cite it.
        citations: Option<bool>,
    },
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What the tool gave back.
    ToolResult(ToolResult),
    /// Reasoning, shown.
    Thinking {
        /// The reasoning, or its summary.
        text: String,
        /// The provider's id of it.
        id: Option<String>,
    },
    /// Reasoning, encrypted by the provider; `data` goes back as it is.
    RedactedThinking {
        /// The encrypted reasoning.
        data: String,
        /// The provider's id of it.
        id: Option<String>,
    },
    /// The model declines, in its own words.
    Refusal(String),
    /// A part that only one dialect knows (server-side tools, code execution), carried as it came.
    Opaque {
        /// Whose it is.
        dialect: Dialect,
        /// The part as it came.
        value: Value,
    },
}

impl Content {
    /// Bytes of generated text in this part; a picture, sound or a document has none.
    pub(crate) const fn text_bytes(&self) -> usize {
        match self {
            Self::Text { text, .. } | Self::Thinking { text, .. } | Self::Refusal(text) => {
                text.len()
            }
            Self::ToolCall(call) => call.name.len() + call.arguments.len(),
            Self::Image { .. }
            | Self::Audio(_)
            | Self::Video(_)
            | Self::Document { .. }
            | Self::ToolResult(_)
            | Self::RedactedThinking { .. }
            | Self::Opaque { .. } => 0,
        }
    }
}

/// Data of a part, by value or by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Media {
    /// The data itself.
    Base64 {
        /// `image/png`, `application/pdf`, ... ; may be empty when a dialect does not say.
        media_type: String,
        /// The data in base64.
        data: String,
    },
    /// An address the provider fetches.
    Url {
        /// `image/png`, ..., if stated.
        media_type: Option<String>,
        /// The address.
        url: String,
    },
    /// A file uploaded to the provider before.
    File {
        /// `image/png`, ..., if stated.
        media_type: Option<String>,
        /// The provider's id or URI of the file.
        id: String,
    },
    /// Plain text given as a document.
    Text(String),
}

/// How closely to look at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageDetail {
    /// The model decides.
    Auto,
    /// Coarse and cheap.
    Low,
    /// Fine.
    High,
}

/// A prompt-cache breakpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CacheControl {
    /// How long the cache shall live, in the provider's spelling (`5m`, `1h`); the provider's default if absent.
    pub ttl: Option<String>,
}

/// A provider's proof that it made a part. Only a target of the same dialect can check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Who made it.
    pub dialect: Dialect,
    /// The proof, as it came.
    pub value: String,
}

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Citation {
    /// The text that is cited.
    pub quote: Option<String>,
    /// The title of the source.
    pub title: Option<String>,
    /// The address of the source.
    pub url: Option<String>,
    /// Where in the answer it applies: first character and one past the last.
    pub span: Option<(u64, u64)>,
    /// The citation as it came, for a target of the same dialect.
    pub raw: Option<(Dialect, Value)>,
}

impl Citation {
    /// An empty citation, to be filled.
    pub const fn new() -> Self {
        Self {
            quote: None,
            title: None,
            url: None,
            span: None,
            raw: None,
        }
    }
}

impl Default for Citation {
    fn default() -> Self {
        Self::new()
    }
}

/// The model calls a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the result refers to; some providers give none.
    pub id: Option<String>,
    /// Which tool.
    pub name: String,
    /// The arguments as JSON text, exactly as the model wrote them; may be cut off when the answer was.
    pub arguments: String,
}

/// What a tool gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The name of the tool, where a dialect states it.
    pub name: Option<String>,
    /// The result: text, pictures, documents.
    pub parts: Vec<Part>,
    /// Whether `parts` was written as a list or as a bare string. A hint.
    pub form: super::ContentForm,
    /// True when the tool failed.
    pub is_error: bool,
}

impl ToolResult {
    /// A result that is a text, of a tool that did not fail.
    pub fn text(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            call_id: call_id.into(),
            name: None,
            parts: vec![Part::text(text)],
            form: super::ContentForm::Text,
            is_error: false,
        }
    }
}
