//! Parts in.

use std::borrow::Cow;

use gateway_schema::chat::{Content, ContentForm, Media, Part, ToolCall, ToolResult};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use super::super::names::camel;
use super::super::signature;
use super::calls::Calls;
use crate::node::{Fields, Node, Reader};

/// What a part says, field by field.
#[derive(Default)]
struct Seen<'a> {
    text: Option<String>,
    thought: bool,
    signature: Option<String>,
    inline: Option<Fields<'a>>,
    file: Option<Fields<'a>>,
    call: Option<Fields<'a>>,
    result: Option<Fields<'a>>,
    rest: Map<String, Value>,
}

/// Reads `parts`: a list, or one part alone.
pub(in super::super) fn parts(reader: &mut Reader, node: Node<'_>, calls: &mut Calls) -> Vec<Part> {
    let node = match node {
        one @ Node::Object(_) => Node::List(vec![one]),
        other => other,
    };
    reader
        .list("parts", node, |reader, item| part(reader, item, calls))
        .unwrap_or_default()
}

/// Reads one part. `None` for one that says nothing, and for one that is wrong.
fn part(reader: &mut Reader, node: Node<'_>, calls: &mut Calls) -> Option<Part> {
    let fields = match node {
        Node::Object(fields) => fields,
        Node::Text(text) => return Some(Part::text(text)),
        other => {
            reader.wrong(&other, "an object");
            return None;
        }
    };
    let mut seen = Seen::default();
    for (key, node) in fields {
        if node.is_null() {
            continue;
        }
        let key = camel(key);
        match &*key {
            "text" => seen.text = reader.text("text", node),
            "thought" => seen.thought = reader.bool("thought", &node).unwrap_or(false),
            "thoughtSignature" => seen.signature = reader.text("thoughtSignature", node),
            "inlineData" => seen.inline = object(reader, "inlineData", node),
            "fileData" => seen.file = object(reader, "fileData", node),
            "functionCall" => seen.call = object(reader, "functionCall", node),
            "functionResponse" => seen.result = object(reader, "functionResponse", node),
            _ => {
                seen.rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    seen.into_part(reader, calls)
}

fn object<'a>(reader: &mut Reader, key: &'static str, node: Node<'a>) -> Option<Fields<'a>> {
    match node {
        Node::Object(fields) => Some(fields),
        other => {
            reader.at(key, |reader| reader.wrong(&other, "an object"));
            None
        }
    }
}

impl Seen<'_> {
    fn into_part(self, reader: &mut Reader, calls: &mut Calls) -> Option<Part> {
        let Self {
            text,
            thought,
            signature,
            inline,
            file,
            call,
            result,
            mut rest,
        } = self;
        let is_text = call.is_none() && result.is_none() && inline.is_none() && file.is_none();
        if thought && !(is_text && text.is_some()) {
            rest.insert("thought".to_owned(), Value::Bool(true));
        }
        let content = if let Some(fields) = call {
            reader.at("functionCall", |reader| {
                function_call(reader, fields, &mut rest, calls)
            })?
        } else if let Some(fields) = result {
            reader.at("functionResponse", |reader| {
                function_response(reader, fields, &mut rest, calls)
            })?
        } else if let Some(fields) = inline {
            reader.at("inlineData", |reader| {
                inline_data(reader, fields, &mut rest)
            })?
        } else if let Some(fields) = file {
            reader.at("fileData", |reader| file_data(reader, fields, &mut rest))?
        } else {
            match text {
                Some(text) if thought => Content::Thinking { text, id: None },
                Some(text) => plain(text),
                None if rest.is_empty() => {
                    signature.as_ref()?;
                    plain(String::new())
                }
                None => Content::Opaque {
                    dialect: Dialect::GEMINI,
                    value: Value::Object(std::mem::take(&mut rest)),
                },
            }
        };
        let mut part = Part::new(content);
        part.signature = signature
            .filter(|text| !text.is_empty())
            .map(signature::read);
        part.extra = Extra::of(Dialect::GEMINI, rest);
        Some(part)
    }
}

fn plain(text: String) -> Content {
    Content::Text {
        text,
        citations: Vec::new(),
    }
}

fn function_call(
    reader: &mut Reader,
    fields: Fields<'_>,
    rest: &mut Map<String, Value>,
    calls: &mut Calls,
) -> Option<Content> {
    let (mut id, mut name, mut arguments) = (None, None, None);
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "id" => id = reader.text("id", node),
            "name" => name = reader.text("name", node),
            "args" => {
                if !node.is_null() && !matches!(node, Node::Object(_)) {
                    reader.at("args", |reader| reader.wrong(&node, "an object"));
                }
                arguments = (!node.is_null()).then(|| node.into_value().to_string());
            }
            _ if node.is_null() => {}
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(name) = name else {
        reader.missing("name", "the name of a function");
        return None;
    };
    Some(Content::ToolCall(ToolCall {
        id: calls.call(id, &name),
        name,
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
    }))
}

fn function_response(
    reader: &mut Reader,
    fields: Fields<'_>,
    rest: &mut Map<String, Value>,
    calls: &mut Calls,
) -> Option<Content> {
    let (mut id, mut name, mut response, mut media) = (None, None, None, Vec::new());
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "id" => id = reader.text("id", node),
            "name" => name = reader.text("name", node),
            "response" => response = (!node.is_null()).then(|| node.into_value()),
            "parts" => media = parts(reader, node, calls),
            _ if node.is_null() => {}
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(name) = name else {
        reader.missing("name", "the name of a function");
        return None;
    };
    let (text, is_error) = result_text(response);
    let form = if media.is_empty() {
        ContentForm::Text
    } else {
        ContentForm::Parts
    };
    let mut parts = vec![Part::text(text)];
    parts.extend(media);
    Some(Content::ToolResult(ToolResult {
        call_id: calls.result(id, &name),
        name: Some(name),
        parts,
        form,
        is_error,
    }))
}

/// What a function gave back. `output` and `error` alone are Google's own wrappers around text.
fn result_text(response: Option<Value>) -> (String, bool) {
    match response {
        None => ("{}".to_owned(), false),
        Some(Value::Object(fields)) if fields.len() == 1 => {
            match (fields.get("output"), fields.get("error")) {
                (Some(Value::String(text)), _) => (text.clone(), false),
                (_, Some(Value::String(text))) => (text.clone(), true),
                _ => (Value::Object(fields).to_string(), false),
            }
        }
        Some(Value::String(text)) => (text, false),
        Some(other) => (other.to_string(), false),
    }
}

fn inline_data(
    reader: &mut Reader,
    fields: Fields<'_>,
    rest: &mut Map<String, Value>,
) -> Option<Content> {
    let (mut media_type, mut data) = (String::new(), None);
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "mimeType" => media_type = reader.text("mimeType", node).unwrap_or_default(),
            "data" => data = reader.text("data", node),
            _ if node.is_null() => {}
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(data) = data else {
        reader.missing("data", "base64");
        return None;
    };
    let kind = media_type.clone();
    Some(of_kind(Some(&kind), Media::Base64 { media_type, data }))
}

fn file_data(
    reader: &mut Reader,
    fields: Fields<'_>,
    rest: &mut Map<String, Value>,
) -> Option<Content> {
    let (mut media_type, mut uri) = (None, None);
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "mimeType" => media_type = reader.text("mimeType", node),
            "fileUri" => uri = reader.text("fileUri", node),
            _ if node.is_null() => {}
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(uri) = uri else {
        reader.missing("fileUri", "an address");
        return None;
    };
    let kind = media_type
        .clone()
        .or_else(|| is_film(&uri).then(|| "video/".to_owned()));
    let is_web = uri.starts_with("http://") || uri.starts_with("https://");
    let media = if is_web && !uri.contains("generativelanguage.googleapis.com/") {
        Media::Url {
            media_type,
            url: uri,
        }
    } else {
        Media::File {
            media_type,
            id: uri,
        }
    };
    Some(of_kind(kind.as_deref(), media))
}

fn is_film(uri: &str) -> bool {
    uri.contains("youtube.com/") || uri.contains("youtu.be/")
}

/// The content that a media type stands for.
fn of_kind(media_type: Option<&str>, media: Media) -> Content {
    let kind = media_type
        .and_then(|text| text.split('/').next())
        .map_or(Cow::Borrowed(""), |text| {
            Cow::Owned(text.to_ascii_lowercase())
        });
    match &*kind {
        "image" => Content::Image {
            media,
            detail: None,
        },
        "audio" => Content::Audio(media),
        "video" => Content::Video(media),
        _ => Content::Document {
            media,
            title: None,
            context: None,
            citations: None,
        },
    }
}
