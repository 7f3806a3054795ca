//! Content blocks out.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_schema::chat::{
    CacheControl, Content, ContentForm, ImageDetail, Media, Part, ToolCall, ToolResult,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Retry};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::PROOFS;
use super::citation::CitationOut;
use crate::proofs;

/// A content block on its way out.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum BlockOut<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<CitationOut<'a>>,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    Image {
        source: SourceOut<'a>,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    Document {
        source: SourceOut<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Enabled>,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<ContentOut<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
        #[serde(flatten)]
        marks: Marks<'a>,
    },
    RedactedThinking {
        data: &'a str,
    },
    #[serde(untagged)]
    Raw(&'a Value),
}

impl<'a> BlockOut<'a> {
    /// Text without marks.
    pub(in super::super) fn plain(text: Cow<'a, str>) -> Self {
        Self::Text {
            text,
            citations: Vec::new(),
            marks: Marks::default(),
        }
    }
}

/// `{enabled: ...}`
#[derive(Debug, Serialize)]
pub(in super::super) struct Enabled {
    enabled: bool,
}

/// Where the data of an image or a document is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in super::super) enum SourceOut<'a> {
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
    Text {
        media_type: &'a str,
        data: Cow<'a, str>,
    },
    Url {
        url: &'a str,
    },
    File {
        file_id: &'a str,
    },
}

/// Fields that any block may carry.
#[derive(Debug, Default, Serialize)]
pub(in super::super) struct Marks<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheOut<'a>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// A cache breakpoint.
#[derive(Debug, Serialize)]
pub(in super::super) struct CacheOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

impl<'a> CacheOut<'a> {
    /// `None` when the breakpoint stands in `extra` as it came.
    pub(in super::super) fn of(
        cache: Option<&'a CacheControl>,
        extra: Option<&Map<String, Value>>,
    ) -> Option<Self> {
        if extra.is_some_and(|extra| extra.contains_key("cache_control")) {
            return None;
        }
        Some(Self {
            kind: "ephemeral",
            ttl: cache?.ttl.as_deref(),
        })
    }
}

/// Content: a bare string or a list of blocks.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in super::super) enum ContentOut<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<BlockOut<'a>>),
}

/// The input of a tool call: an object, as the caller wrote it.
#[derive(Debug)]
pub(in super::super) enum Input<'a> {
    Raw(&'a RawValue),
    Empty,
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Empty => Map::new().serialize(serializer),
        }
    }
}

/// The arguments of a call as an object; `None` when they are not one.
pub(in super::super) fn input_of(arguments: &str) -> Option<Input<'_>> {
    let text = arguments.trim();
    if text.is_empty() || text == "null" {
        return Some(Input::Empty);
    }
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok().map(Input::Raw)
}

/// Turns parts into blocks and reports what does not survive.
#[derive(Debug)]
pub(in super::super) struct BlockWriter<'l> {
    pub(in super::super) losses: &'l mut Losses,
}

impl BlockWriter<'_> {
    /// The block of one part at `path` of a request; `None` when it was dropped.
    ///
    /// # Errors
    /// The caller's, when no Claude model could understand the part at all.
    pub(in super::super) fn request<'a>(
        &mut self,
        part: &'a Part,
        path: &dyn Fn() -> String,
    ) -> Result<Option<BlockOut<'a>>, CallError> {
        let marks = self.marks(part, path);
        if part.signature.is_some() && !matches!(part.content, Content::Thinking { .. }) {
            self.losses.dropped(
                format!("{}.signature", path()),
                "only its provider can check it",
            );
        }
        Ok(Some(match &part.content {
            Content::Thinking { text, .. } => match &part.signature {
                Some(signature) if signature.dialect == Dialect::ANTHROPIC => BlockOut::Thinking {
                    thinking: text,
                    signature: Cow::Borrowed(&signature.value),
                    marks,
                },
                _ => {
                    self.losses
                        .dropped(path(), "Claude takes only reasoning that it signed");
                    return Ok(None);
                }
            },
            Content::ToolCall(call) => {
                let input = input_of(&call.arguments).ok_or_else(|| bad_arguments(call, path))?;
                BlockOut::ToolUse {
                    id: safe_id(call_id(call)),
                    name: &call.name,
                    input,
                    marks,
                }
            }
            Content::ToolResult(result) => BlockOut::ToolResult {
                tool_use_id: safe_id(Cow::Borrowed(&result.call_id)),
                content: self.result_content(result, path)?,
                is_error: result.is_error,
                marks,
            },
            Content::Audio(_) => return Err(unsupported("sound", path)),
            Content::Video(_) => return Err(unsupported("video", path)),
            _ => return Ok(self.common(part, marks, path)),
        }))
    }

    /// The block that carries the proof of a call in a reply, to stand before it.
    pub(in super::super) fn proof(part: &Part) -> Option<BlockOut<'_>> {
        let signature = part.signature.as_ref()?;
        matches!(part.content, Content::ToolCall(_)).then(|| BlockOut::Thinking {
            thinking: "",
            signature: proofs::of_next(signature).into(),
            marks: Marks::default(),
        })
    }

    /// The block of one part at `path` of a reply; `None` when it was dropped.
    pub(in super::super) fn reply<'a>(
        &mut self,
        part: &'a Part,
        path: &dyn Fn() -> String,
    ) -> Option<BlockOut<'a>> {
        let marks = self.marks(part, path);
        if let Some(signature) = &part.signature
            && !matches!(
                part.content,
                Content::Thinking { .. } | Content::ToolCall(_)
            )
        {
            self.losses.dropped(
                format!("{}.signature", path()),
                format!("only reasoning carries one here, not {}", signature.dialect),
            );
        }
        match &part.content {
            Content::Thinking { text, .. } => Some(BlockOut::Thinking {
                thinking: text,
                signature: part
                    .signature
                    .as_ref()
                    .map(|proof| PROOFS.write(proof))
                    .unwrap_or_default()
                    .into(),
                marks,
            }),
            Content::ToolCall(call) => {
                let input = input_of(&call.arguments).unwrap_or_else(|| {
                    self.losses.approximated(
                        format!("{}.input", path()),
                        "the arguments are not a whole JSON object",
                    );
                    Input::Empty
                });
                Some(BlockOut::ToolUse {
                    id: call_id(call),
                    name: &call.name,
                    input,
                    marks,
                })
            }
            Content::ToolResult(_) | Content::Audio(_) | Content::Video(_) => {
                self.losses
                    .dropped(path(), "an Anthropic reply has no such block");
                None
            }
            _ => self.common(part, marks, path),
        }
    }

    /// What requests and replies write alike.
    fn common<'a>(
        &mut self,
        part: &'a Part,
        marks: Marks<'a>,
        path: &dyn Fn() -> String,
    ) -> Option<BlockOut<'a>> {
        Some(match &part.content {
            Content::Text { text, citations } => {
                let written: Vec<_> = citations.iter().filter_map(CitationOut::of).collect();
                if written.len() < citations.len() {
                    self.losses
                        .dropped(format!("{}.citations", path()), "a source has no address");
                }
                BlockOut::Text {
                    text: Cow::Borrowed(text),
                    citations: written,
                    marks,
                }
            }
            Content::Refusal(text) => {
                self.losses
                    .approximated(path(), "a refusal is plain text here");
                BlockOut::Text {
                    text: Cow::Borrowed(text),
                    citations: Vec::new(),
                    marks,
                }
            }
            Content::Image { media, detail } => {
                if !matches!(detail, None | Some(ImageDetail::Auto)) {
                    self.losses.dropped(
                        format!("{}.detail", path()),
                        "Claude has no level of detail",
                    );
                }
                BlockOut::Image {
                    source: self.source(media, path)?,
                    marks,
                }
            }
            Content::Document {
                media,
                title,
                context,
                citations,
            } => BlockOut::Document {
                source: self.source(media, path)?,
                title: title.as_deref(),
                context: context.as_deref(),
                citations: citations.map(|enabled| Enabled { enabled }),
                marks,
            },
            Content::RedactedThinking { data, .. } => BlockOut::RedactedThinking { data },
            Content::Opaque { dialect, value } if *dialect == Dialect::ANTHROPIC => {
                BlockOut::Raw(value)
            }
            Content::Opaque { dialect, .. } => {
                self.losses
                    .dropped(path(), format!("only {dialect} knows this part"));
                return None;
            }
            _ => {
                self.losses
                    .dropped(path(), "Anthropic has no such content block");
                return None;
            }
        })
    }

    fn source<'a>(&mut self, media: &'a Media, path: &dyn Fn() -> String) -> Option<SourceOut<'a>> {
        Some(match media {
            Media::Base64 { media_type, data } => by_value(media_type, data),
            Media::Url { url, .. } => match data_url(url) {
                Some((media_type, data)) => by_value(media_type, data),
                None => SourceOut::Url { url },
            },
            Media::File { id, .. } => SourceOut::File { file_id: id },
            Media::Text(data) => SourceOut::Text {
                media_type: "text/plain",
                data: Cow::Borrowed(data),
            },
            _ => {
                self.losses
                    .dropped(path(), "Anthropic has no such kind of source");
                return None;
            }
        })
    }

    fn result_content<'a>(
        &mut self,
        result: &'a ToolResult,
        path: &dyn Fn() -> String,
    ) -> Result<Option<ContentOut<'a>>, CallError> {
        if result.form == ContentForm::Text
            && let [part] = result.parts.as_slice()
            && let Some(text) = bare_text(part)
        {
            return Ok(Some(ContentOut::Text(Cow::Borrowed(text))));
        }
        if result.parts.is_empty() && result.form != ContentForm::Parts {
            return Ok(None);
        }
        let mut blocks = Vec::with_capacity(result.parts.len());
        for (index, part) in result.parts.iter().enumerate() {
            blocks.extend(self.request(part, &|| format!("{}.content[{index}]", path()))?);
        }
        Ok(Some(ContentOut::Blocks(blocks)))
    }

    fn marks<'a>(&mut self, part: &'a Part, path: &dyn Fn() -> String) -> Marks<'a> {
        if let Some(dialect) = part.extra.dialect()
            && dialect != Dialect::ANTHROPIC
        {
            for key in part.extra.fields().keys() {
                self.losses.dropped(
                    format!("{}.{key}", path()),
                    format!("only {dialect} knows this field"),
                );
            }
        }
        let extra = part.extra.for_dialect(Dialect::ANTHROPIC);
        Marks {
            cache_control: CacheOut::of(part.cache.as_ref(), extra),
            extra: extra.filter(|extra| !extra.is_empty()),
        }
    }
}

/// The text of a part that says nothing else.
pub(in super::super) fn bare_text(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Text { text, citations }
            if citations.is_empty()
                && part.cache.is_none()
                && part.signature.is_none()
                && part.extra.is_empty() =>
        {
            Some(text)
        }
        _ => None,
    }
}

/// Data in base64; text is sent as text, for Claude takes PDF alone by value.
fn by_value<'a>(media_type: &'a str, data: &'a str) -> SourceOut<'a> {
    let text = media_type
        .starts_with("text/")
        .then(|| STANDARD.decode(data).ok())
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        Some(text) => SourceOut::Text {
            media_type: "text/plain",
            data: Cow::Owned(text),
        },
        None => SourceOut::Base64 { media_type, data },
    }
}

/// Media type and data of a `data:` URL in base64.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or_default(), data))
}

/// Anthropic demands an id; some providers give none. The name stands in for it, so that the result can refer to it.
fn call_id(call: &ToolCall) -> Cow<'_, str> {
    match call.id.as_deref() {
        Some(id) if !id.is_empty() => Cow::Borrowed(id),
        _ => Cow::Owned(format!("toolu_{}", call.name)),
    }
}

/// Anthropic refuses ids with other characters than these; calls and results are changed alike.
fn safe_id(id: Cow<'_, str>) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(allowed) {
        return id;
    }
    Cow::Owned(
        id.chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .collect(),
    )
}

fn bad_arguments(call: &ToolCall, path: &dyn Fn() -> String) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!(
            "{}: the arguments of the call of '{}' must be a JSON object.",
            path(),
            call.name
        ),
    )
}

fn unsupported(what: &str, path: &dyn Fn() -> String) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("{}: Anthropic models take no {what}.", path()),
    )
    .with_retry(Retry::Elsewhere)
}
