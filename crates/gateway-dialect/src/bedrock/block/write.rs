//! Blocks out.

use super::super::set;
use crate::proofs;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_schema::chat::{CacheControl, Content, ImageDetail, Media, Part, ToolCall, ToolResult};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Retry};
use serde_json::{Map, Value, json};

use super::super::model::{Family, Traits};
use super::formats::{DOCUMENTS, IMAGES, SOUNDS, VIDEOS, by_name, format};
use super::{PROOFS, citation};

/// The longest id of a tool call.
const MAX_ID: usize = 64;

/// Turns parts into blocks and reports what does not survive.
#[derive(Debug)]
pub(in super::super) struct BlockWriter<'l> {
    pub(in super::super) losses: &'l mut Losses,
    pub(in super::super) traits: Traits,
    /// How bad arguments are refused: as MLflow does.
    pub(in super::super) mlflow: bool,
    /// How many documents were written: each needs a name of its own.
    pub(in super::super) documents: u32,
}

/// Where a part stands, made only when there is something to say.
type Place<'p> = &'p dyn Fn() -> String;

/// The block of a cache point.
pub(in super::super) fn cache_block(cache: &CacheControl) -> Value {
    match cache.ttl.as_deref() {
        None | Some("5m") => json!({"cachePoint": {"type": "default"}}),
        Some(ttl) => json!({"cachePoint": {"type": "default", "ttl": ttl}}),
    }
}

impl BlockWriter<'_> {
    /// The blocks of one part at `path` of a request: none when it was dropped, two with a cache point.
    ///
    /// # Errors
    /// The caller's, when no model could understand the part at all.
    pub(in super::super) fn request(
        &mut self,
        part: &Part,
        path: Place<'_>,
        out: &mut Vec<Value>,
    ) -> Result<(), CallError> {
        self.report_extra(part, path);
        let signed = part.signature.as_ref();
        if signed.is_some() && !matches!(part.content, Content::Thinking { .. }) {
            self.losses.dropped(
                format!("{}.signature", path()),
                "only its provider can check it",
            );
        }
        let block = match &part.content {
            Content::Thinking { text, .. } => {
                let kept = signed.filter(|signature| self.trusts(signature.dialect));
                if kept.is_none() && (signed.is_some() || self.traits.family == Family::Claude) {
                    self.losses.dropped(
                        path(),
                        "a model takes only reasoning with a proof that it made it",
                    );
                    None
                } else {
                    let mut inner = json!({"text": text});
                    if let Some(signature) = kept {
                        set(&mut inner, "signature", signature.value.as_str().into());
                    }
                    Some(json!({"reasoningContent": {"reasoningText": inner}}))
                }
            }
            Content::ToolCall(call) => {
                let input = input_of(&call.arguments)
                    .ok_or_else(|| bad_arguments(call, self.mlflow, path))?;
                Some(tool_use(call, &input))
            }
            Content::ToolResult(result) => Some(self.tool_result(result, path)?),
            _ => self.common(part, path)?,
        };
        let written = block.is_some();
        out.extend(block);
        if let Some(cache) = part.cache.as_ref().filter(|_| written) {
            if self.traits.takes_cache_points() {
                out.push(cache_block(cache));
            } else {
                self.losses.dropped(
                    format!("{}.cache_control", path()),
                    "this model has no prompt cache",
                );
            }
        }
        Ok(())
    }

    /// The block that carries the proof of a call in a reply, to stand before it.
    pub(in super::super) fn proof(part: &Part) -> Option<Value> {
        let signature = part.signature.as_ref()?;
        matches!(part.content, Content::ToolCall(_)).then(|| {
            let proof = proofs::of_next(signature);
            json!({"reasoningContent": {"reasoningText": {"text": "", "signature": proof}}})
        })
    }

    /// The block of one part at `path` of a reply; `None` when it was dropped.
    pub(in super::super) fn reply(&mut self, part: &Part, path: Place<'_>) -> Option<Value> {
        self.report_extra(part, path);
        if part.signature.is_some()
            && !matches!(
                part.content,
                Content::Thinking { .. } | Content::ToolCall(_)
            )
        {
            self.losses.dropped(
                format!("{}.signature", path()),
                "only reasoning carries one here",
            );
        }
        match &part.content {
            Content::Thinking { text, .. } => {
                let mut inner = json!({"text": text});
                if let Some(signature) = &part.signature {
                    set(&mut inner, "signature", PROOFS.write(signature).into());
                }
                Some(json!({"reasoningContent": {"reasoningText": inner}}))
            }
            Content::ToolCall(call) => {
                let input = input_of(&call.arguments).unwrap_or_else(|| {
                    self.losses.approximated(
                        format!("{}.input", path()),
                        "the arguments are not a whole JSON object",
                    );
                    Value::Object(Map::new())
                });
                Some(tool_use(call, &input))
            }
            _ => {
                if let Ok(block) = self.common(part, path) {
                    return block;
                }
                self.losses
                    .dropped(path(), "a Converse reply has no such block");
                None
            }
        }
    }

    /// Claude's proofs are the same wherever it runs; of others only Bedrock's own come from here.
    fn trusts(&self, dialect: Dialect) -> bool {
        dialect == Dialect::BEDROCK
            || (dialect == Dialect::ANTHROPIC && self.traits.family == Family::Claude)
    }

    /// What requests and replies write alike.
    fn common(&mut self, part: &Part, path: Place<'_>) -> Result<Option<Value>, CallError> {
        Ok(match &part.content {
            Content::Text { text, citations } if citations.is_empty() => {
                (!text.is_empty()).then(|| json!({"text": text}))
            }
            Content::Text { text, citations } => {
                let citations: Vec<Value> = citations.iter().map(citation::write).collect();
                Some(
                    json!({"citationsContent": {"content": [{"text": text}], "citations": citations}}),
                )
            }
            Content::Refusal(text) => {
                self.losses
                    .approximated(path(), "a refusal is plain text here");
                Some(json!({"text": text}))
            }
            Content::Image { media, detail } => {
                if !matches!(detail, None | Some(ImageDetail::Auto)) {
                    self.losses.dropped(
                        format!("{}.detail", path()),
                        "Converse has no level of detail",
                    );
                }
                Some(json!({"image": source(media, IMAGES, "images", path)?}))
            }
            Content::Video(media) => Some(json!({"video": source(media, VIDEOS, "films", path)?})),
            Content::Audio(media) => Some(json!({"audio": source(media, SOUNDS, "sound", path)?})),
            Content::Document { .. } => Some(self.document(&part.content, path)?),
            Content::RedactedThinking { data, .. } => {
                Some(json!({"reasoningContent": {"redactedContent": data}}))
            }
            Content::Opaque { dialect, value } if *dialect == Dialect::BEDROCK => {
                Some(value.clone())
            }
            Content::Opaque { dialect, .. } => {
                self.losses
                    .dropped(path(), format!("only {dialect} knows this part"));
                None
            }
            _ => {
                self.losses
                    .dropped(path(), "Converse has no such content block");
                None
            }
        })
    }

    fn document(&mut self, content: &Content, path: Place<'_>) -> Result<Value, CallError> {
        let Content::Document {
            media,
            title,
            context,
            citations,
        } = content
        else {
            return Err(unsupported("such documents", path));
        };
        self.documents = self.documents.saturating_add(1);
        let mut block = match media {
            Media::Text(text) if self.traits.takes_text_documents() => {
                json!({"format": "txt", "source": {"text": text}})
            }
            Media::Text(text) => {
                json!({"format": "txt", "source": {"bytes": STANDARD.encode(text)}})
            }
            media => {
                let by_title = title.as_deref().and_then(|title| by_name(DOCUMENTS, title));
                let mut block = source(media, DOCUMENTS, "documents", path);
                if let (Err(_), Some(format), Media::Base64 { data, .. }) =
                    (&block, by_title, media)
                {
                    block = Ok(json!({"format": format, "source": {"bytes": data}}));
                }
                block?
            }
        };
        let name = title
            .as_deref()
            .map(safe_name)
            .filter(|name| !name.is_empty());
        if title.is_some() && name.as_deref() != title.as_deref() {
            self.losses.approximated(
                format!("{}.title", path()),
                "Bedrock takes letters, digits, blanks, hyphens and brackets",
            );
        }
        set(
            &mut block,
            "name",
            match name {
                Some(name) => name.into(),
                None => format!("document-{}", self.documents).into(),
            },
        );
        if let Some(context) = context {
            set(&mut block, "context", context.as_str().into());
        }
        if let Some(enabled) = citations {
            set(&mut block, "citations", json!({"enabled": enabled}));
        }
        Ok(json!({"document": block}))
    }

    fn tool_result(&mut self, result: &ToolResult, path: Place<'_>) -> Result<Value, CallError> {
        let mut content = Vec::with_capacity(result.parts.len());
        for (index, part) in result.parts.iter().enumerate() {
            let place = || format!("{}.content[{index}]", path());
            let fits = matches!(
                part.content,
                Content::Text { .. }
                    | Content::Image { .. }
                    | Content::Document { .. }
                    | Content::Video(_)
                    | Content::Refusal(_)
                    | Content::Opaque { .. }
            );
            if fits {
                self.report_extra(part, &place);
                content.extend(
                    self.common(part, &place)?
                        .map(|block| plain_text(&block).unwrap_or(block)),
                );
            } else {
                self.losses
                    .dropped(place(), "a tool result of Bedrock has no such block");
            }
        }
        let mut block = json!({"toolUseId": safe_id(&result.call_id), "content": content});
        if result.is_error {
            if self.traits.takes_result_status() {
                set(&mut block, "status", "error".into());
            } else {
                self.losses.dropped(
                    format!("{}.is_error", path()),
                    "this model is not told whether a tool failed",
                );
            }
        }
        Ok(json!({"toolResult": block}))
    }

    fn report_extra(&mut self, part: &Part, path: Place<'_>) {
        if let Some(dialect) = part.extra.dialect() {
            for key in part.extra.fields().keys() {
                self.losses.dropped(
                    format!("{}.{key}", path()),
                    format!("only {dialect} knows this field"),
                );
            }
        }
    }
}

/// A tool result has no cited text: the text stays.
fn plain_text(block: &Value) -> Option<Value> {
    let text = block.pointer("/citationsContent/content/0/text")?;
    Some(json!({"text": text}))
}

fn tool_use(call: &ToolCall, input: &Value) -> Value {
    let id = match call.id.as_deref() {
        Some(id) if !id.is_empty() => safe_id(id),
        // Bedrock demands an id; some providers give none. The name stands in for it.
        _ => Cow::Owned(format!("tooluse_{}", safe_id(&call.name))),
    };
    json!({"toolUse": {"toolUseId": id, "name": call.name, "input": input}})
}

/// The arguments of a call as an object; `None` when they are not one.
fn input_of(arguments: &str) -> Option<Value> {
    let text = arguments.trim();
    if text.is_empty() || text == "null" {
        return Some(Value::Object(Map::new()));
    }
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// Data with its format.
fn source(
    media: &Media,
    table: &[(&'static str, &'static str)],
    what: &str,
    path: Place<'_>,
) -> Result<Value, CallError> {
    let known = |media_type: &str| {
        format(table, media_type)
            .ok_or_else(|| unsupported(&format!("{what} of the type '{media_type}'"), path))
    };
    match media {
        Media::Base64 { media_type, data } => {
            Ok(json!({"format": known(media_type)?, "source": {"bytes": data}}))
        }
        Media::Url { url, media_type } => {
            if let Some((media_type, data)) = data_url(url) {
                return Ok(json!({"format": known(media_type)?, "source": {"bytes": data}}));
            }
            s3(url, media_type.as_deref(), table).ok_or_else(|| {
                unsupported(
                    &format!("{what} by address, only by value or from S3"),
                    path,
                )
            })
        }
        Media::File { id, media_type } => s3(id, media_type.as_deref(), table)
            .ok_or_else(|| unsupported(&format!("{what} uploaded to another provider"), path)),
        _ => Err(unsupported(&format!("such {what}"), path)),
    }
}

/// The place of data in S3.
fn s3(
    uri: &str,
    media_type: Option<&str>,
    table: &[(&'static str, &'static str)],
) -> Option<Value> {
    if !uri.starts_with("s3://") {
        return None;
    }
    let kind = media_type
        .and_then(|media_type| format(table, media_type))
        .or_else(|| by_name(table, uri))?;
    Some(json!({"format": kind, "source": {"s3Location": {"uri": uri}}}))
}

/// Media type and data of a `data:` URL in base64.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or_default(), data))
}

/// Bedrock refuses ids with other characters and longer ones; calls and results are changed alike.
fn safe_id(id: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.len() <= MAX_ID && id.chars().all(allowed) {
        return Cow::Borrowed(id);
    }
    let safe: String = id
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    // Long ids differ at their ends.
    let start = safe.len().saturating_sub(MAX_ID);
    Cow::Owned(safe.get(start..).unwrap_or_default().to_owned())
}

/// A name of a document in the characters that Bedrock takes, without two blanks in a row.
fn safe_name(title: &str) -> String {
    let mut name = String::with_capacity(title.len());
    for c in title.trim().chars() {
        let fits = c.is_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']' | '_');
        match c {
            c if fits => name.push(c),
            c if c.is_whitespace() && name.ends_with(' ') => {}
            c if c.is_whitespace() => name.push(' '),
            _ => name.push('-'),
        }
    }
    name
}

fn bad_arguments(call: &ToolCall, mlflow: bool, path: Place<'_>) -> CallError {
    if mlflow {
        let text = format!(
            "Invalid assistant tool call arguments: not valid JSON for tool_call_id={}, tool_name={}.",
            call.id.as_deref().unwrap_or_default(),
            call.name
        );
        return CallError::client(ErrorKind::InvalidRequest, text).with_status(422);
    }
    CallError::client(
        ErrorKind::InvalidRequest,
        format!(
            "{}: the arguments of the call of '{}' must be a JSON object.",
            path(),
            call.name
        ),
    )
}

fn unsupported(what: &str, path: Place<'_>) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("{}: Bedrock models take no {what}.", path()),
    )
    .with_retry(Retry::Elsewhere)
}
