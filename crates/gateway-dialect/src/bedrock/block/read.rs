//! Blocks in. A block with anything in it that the canonical form has no place for is carried as it came.

use gateway_schema::Dialect;
use gateway_schema::chat::{
    CacheControl, Citation, Content, ContentForm, Media, Part, ToolCall, ToolResult,
};
use serde_json::{Map, Value};

use super::formats::{DOCUMENTS, IMAGES, SOUNDS, VIDEOS, media_type};
use super::{PROOFS, citation};

/// Reads a list of blocks; a cache point belongs to the block before it.
pub(in super::super) fn parts(blocks: Vec<Value>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match (cache_point(&block), parts.last_mut()) {
            (Some(cache), Some(last)) if last.cache.is_none() => last.cache = Some(cache),
            (Some(_), _) => parts.push(opaque(block)),
            (None, _) => parts.push(part(&block).unwrap_or_else(|| opaque(block))),
        }
    }
    PROOFS.bind(&mut parts);
    parts
}

/// Reads a cache point.
pub(in super::super) fn cache_point(block: &Value) -> Option<CacheControl> {
    let fields = alone(block, "cachePoint")?;
    only(fields, &["type", "ttl"])?;
    let mut cache = CacheControl::default();
    cache.ttl = text(fields, "ttl").filter(|ttl| ttl != "5m");
    Some(cache)
}

fn opaque(value: Value) -> Part {
    Part::new(Content::Opaque {
        dialect: Dialect::BEDROCK,
        value,
    })
}

/// The fields of the only member, if it is this one.
fn alone<'a>(block: &'a Value, kind: &str) -> Option<&'a Map<String, Value>> {
    let fields = block.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(kind)?.as_object()
}

/// `None` when there are other fields than these.
fn only(fields: &Map<String, Value>, known: &[&str]) -> Option<()> {
    fields
        .iter()
        .all(|(key, value)| value.is_null() || known.contains(&key.as_str()))
        .then_some(())
}

fn text(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn part(block: &Value) -> Option<Part> {
    let fields = block.as_object().filter(|fields| fields.len() == 1)?;
    let (kind, value) = fields.iter().next()?;
    if kind == "text" {
        return Some(Part::text(value.as_str()?));
    }
    let fields = value.as_object()?;
    match kind.as_str() {
        "image" => {
            only(fields, &["format", "source"])?;
            Some(Part::new(Content::Image {
                media: media(fields, IMAGES)?,
                detail: None,
            }))
        }
        "video" => {
            only(fields, &["format", "source"])?;
            Some(Part::new(Content::Video(media(fields, VIDEOS)?)))
        }
        "audio" => {
            only(fields, &["format", "source"])?;
            Some(Part::new(Content::Audio(media(fields, SOUNDS)?)))
        }
        "document" => document(fields),
        "toolUse" => tool_use(fields),
        "toolResult" => tool_result(fields),
        "reasoningContent" => reasoning(fields),
        "citationsContent" => cited(fields),
        _ => None,
    }
}

fn media(fields: &Map<String, Value>, table: &[(&'static str, &'static str)]) -> Option<Media> {
    let source = fields.get("source")?.as_object()?;
    let format = fields.get("format").and_then(Value::as_str);
    let kind = format.and_then(|format| media_type(table, format));
    if let Some(data) = source.get("bytes") {
        only(source, &["bytes"])?;
        return Some(Media::Base64 {
            media_type: kind?.to_owned(),
            data: data.as_str()?.to_owned(),
        });
    }
    only(source, &["s3Location"])?;
    let place = source.get("s3Location")?.as_object()?;
    only(place, &["uri"])?;
    Some(Media::File {
        media_type: kind.map(str::to_owned),
        id: text(place, "uri")?,
    })
}

fn document(fields: &Map<String, Value>) -> Option<Part> {
    only(
        fields,
        &["format", "name", "source", "context", "citations"],
    )?;
    let source = fields.get("source")?.as_object()?;
    let media = match source.get("text") {
        Some(words) => {
            only(source, &["text"])?;
            if !matches!(
                fields.get("format").and_then(Value::as_str),
                None | Some("txt")
            ) {
                return None;
            }
            Media::Text(words.as_str()?.to_owned())
        }
        None => media(fields, DOCUMENTS)?,
    };
    let citations = match fields.get("citations") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let fields = value.as_object()?;
            only(fields, &["enabled"])?;
            Some(fields.get("enabled")?.as_bool()?)
        }
    };
    Some(Part::new(Content::Document {
        media,
        title: text(fields, "name"),
        context: text(fields, "context"),
        citations,
    }))
}

fn tool_use(fields: &Map<String, Value>) -> Option<Part> {
    only(fields, &["toolUseId", "name", "input", "type"])?;
    if !is_own_call(fields.get("type")) {
        return None;
    }
    let arguments = match fields.get("input") {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(input) => input.to_string(),
    };
    Some(Part::new(Content::ToolCall(ToolCall {
        id: Some(text(fields, "toolUseId")?),
        name: text(fields, "name")?,
        arguments,
    })))
}

/// True for a call of the caller's own tool; a tool of the server's says so.
pub(in super::super) fn is_own_call(kind: Option<&Value>) -> bool {
    kind.is_none_or(|kind| kind.is_null() || kind == "tool_use")
}

fn tool_result(fields: &Map<String, Value>) -> Option<Part> {
    only(fields, &["toolUseId", "content", "status"])?;
    let mut blocks = Vec::new();
    for block in fields.get("content").and_then(Value::as_array)? {
        let json = block
            .as_object()
            .filter(|fields| fields.len() == 1)
            .and_then(|fields| fields.get("json"));
        blocks.push(match json {
            Some(json) => serde_json::json!({"text": json.to_string()}),
            None => block.clone(),
        });
    }
    Some(Part::new(Content::ToolResult(ToolResult {
        call_id: text(fields, "toolUseId")?,
        name: None,
        parts: parts(blocks),
        form: ContentForm::Parts,
        is_error: fields.get("status").is_some_and(|status| status == "error"),
    })))
}

fn reasoning(fields: &Map<String, Value>) -> Option<Part> {
    if let Some(data) = fields.get("redactedContent") {
        only(fields, &["redactedContent"])?;
        return Some(Part::new(Content::RedactedThinking {
            data: data.as_str()?.to_owned(),
            id: None,
        }));
    }
    only(fields, &["reasoningText"])?;
    let fields = fields.get("reasoningText")?.as_object()?;
    only(fields, &["text", "signature"])?;
    let mut part = Part::thinking(text(fields, "text").unwrap_or_default());
    part.signature = text(fields, "signature")
        .filter(|signature| !signature.is_empty())
        .map(|signature| PROOFS.read(&signature));
    Some(part)
}

fn cited(fields: &Map<String, Value>) -> Option<Part> {
    only(fields, &["content", "citations"])?;
    let mut words = String::new();
    for piece in fields.get("content").and_then(Value::as_array)? {
        words.push_str(piece.get("text")?.as_str()?);
    }
    let citations: Vec<Citation> = fields
        .get("citations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|value| citation::read(value.clone()))
        .collect();
    Some(Part::new(Content::Text {
        text: words,
        citations,
    }))
}
