//! Messages in.

use gateway_schema::chat::{
    Content, ContentForm, ImageDetail, Media, Message, Part, Role, ToolResult,
};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use super::super::response;
use crate::node::{Node, Reader};

/// What only the model says.
const OF_ASSISTANT: [&str; 3] = ["tool_plan", "tool_calls", "citations"];

/// A message as it stands there.
#[derive(Default)]
struct Said<'a> {
    role: Option<String>,
    content: Option<Node<'a>>,
    call_id: Option<String>,
    own: Map<String, Value>,
    extra: Map<String, Value>,
}

/// Reads a message.
pub(super) fn read(reader: &mut Reader, node: Node<'_>) -> Option<Message> {
    let Node::Object(fields) = node else {
        reader.wrong(&node, "an object");
        return None;
    };
    let mut said = Said::default();
    for (key, node) in fields {
        match key.as_ref() {
            "role" => said.role = reader.text("role", node),
            "content" => said.content = Some(node),
            "tool_call_id" => said.call_id = reader.text("tool_call_id", node),
            _ if node.is_void() => {}
            name if OF_ASSISTANT.contains(&name) => {
                check(reader, name, &node);
                said.own.insert(key.into_owned(), node.into_value());
            }
            _ => {
                said.extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let role = said.role.take();
    match role.as_deref() {
        Some("assistant") => assistant(reader, said),
        Some("tool") => tool(reader, said),
        Some("user") => plain(reader, Role::User, said),
        Some("system") => plain(reader, Role::System, said),
        Some(other) => {
            let text = format!("must be 'user', 'assistant', 'system' or 'tool', found '{other}'");
            reader.at("role", |reader| reader.fault("literal_error", text));
            None
        }
        None => {
            reader.missing("role", "'user', 'assistant', 'system' or 'tool'");
            None
        }
    }
}

/// What the canonical form must know of what the model said.
fn check(reader: &mut Reader, name: &str, node: &Node<'_>) {
    match (name, node) {
        ("tool_plan", Node::Text(_)) | ("citations", Node::List(_)) => {}
        ("tool_plan", other) => reader.at("tool_plan", |reader| reader.wrong(other, "a string")),
        ("citations", other) => reader.at("citations", |reader| reader.wrong(other, "a list")),
        (_, Node::List(calls)) => reader.at("tool_calls", |reader| {
            for (index, call) in calls.iter().enumerate() {
                let function = call.get("function");
                let name = function.and_then(|function| function.get("name"));
                if name.and_then(Node::as_text).is_none() {
                    reader.nth(index, |reader| {
                        reader.at("function", |reader| reader.missing("name", "a string"));
                    });
                }
            }
        }),
        (_, other) => reader.at("tool_calls", |reader| reader.wrong(other, "a list")),
    }
}

fn form(content: Option<&Node<'_>>) -> ContentForm {
    match content {
        None => ContentForm::Absent,
        Some(Node::Null) => ContentForm::Null,
        Some(Node::List(_)) => ContentForm::Parts,
        Some(_) => ContentForm::Text,
    }
}

fn assistant(reader: &mut Reader, mut said: Said<'_>) -> Option<Message> {
    let form = form(said.content.as_ref());
    let content = match said.content.take() {
        None | Some(Node::Null) => None,
        Some(Node::Text(text)) if text.is_empty() => None,
        Some(text @ Node::Text(_)) => Some(text.into_value()),
        Some(list @ Node::List(_)) => {
            // As in a reply; what is no block is told.
            reader.list("content", list.clone(), |reader, item| block(reader, &item));
            Some(list.into_value())
        }
        Some(other) => {
            reader.at("content", |reader| {
                reader.wrong(&other, "a string or a list");
            });
            return None;
        }
    };
    let mut whole = said.own;
    if let Some(content) = content {
        whole.insert("content".to_owned(), content);
    }
    let mut message = Message::new(Role::Assistant, response::parts(whole));
    message.form = form;
    message.extra = Extra::of(Dialect::COHERE, said.extra);
    Some(message)
}

fn tool(reader: &mut Reader, mut said: Said<'_>) -> Option<Message> {
    let form = form(said.content.as_ref());
    let parts = content(reader, &mut said)?;
    let Some(call_id) = said.call_id else {
        reader.missing("tool_call_id", "a string");
        return None;
    };
    let result = ToolResult {
        call_id,
        name: None,
        parts,
        form,
        is_error: false,
    };
    let mut message = Message::new(Role::Tool, vec![Content::ToolResult(result).into()]);
    message.form = form;
    message.extra = Extra::of(Dialect::COHERE, said.extra);
    Some(message)
}

fn plain(reader: &mut Reader, role: Role, mut said: Said<'_>) -> Option<Message> {
    let form = form(said.content.as_ref());
    let parts = content(reader, &mut said)?;
    let mut message = Message::new(role, parts);
    message.form = form;
    said.extra.extend(said.own);
    message.extra = Extra::of(Dialect::COHERE, said.extra);
    Some(message)
}

/// The content of whoever is not the model: text, or a list of blocks.
fn content(reader: &mut Reader, said: &mut Said<'_>) -> Option<Vec<Part>> {
    match said.content.take() {
        None | Some(Node::Null) => {
            reader.missing("content", "a string or a list");
            None
        }
        Some(Node::Text(text)) => Some(vec![Part::text(text)]),
        Some(list @ Node::List(_)) => {
            reader.list("content", list, |reader, item| block(reader, &item))
        }
        Some(other) => {
            reader.at("content", |reader| {
                reader.wrong(&other, "a string or a list");
            });
            None
        }
    }
}

fn block(reader: &mut Reader, node: &Node<'_>) -> Option<Part> {
    if let Node::Text(text) = node {
        return Some(Part::text(text.clone()));
    }
    let Node::Object(_) = node else {
        reader.wrong(node, "an object");
        return None;
    };
    match node.get("type").and_then(Node::as_text).unwrap_or("text") {
        "text" => {
            let Some(text) = node.get("text").and_then(Node::as_text) else {
                reader.missing("text", "a string");
                return None;
            };
            let mut part = Part::text(text);
            part.extra = rest(node, &["type", "text"]);
            Some(part)
        }
        "image_url" => image(reader, node),
        "document" => {
            let found = node.get("document");
            let found = found.filter(|it| matches!(it, Node::Object(_) | Node::Text(_)));
            if found.is_none() {
                reader.missing("document", "an object");
            }
            found.map(|it| document(&it.clone().into_value()))
        }
        _ => Some(Part::new(Content::Opaque {
            dialect: Dialect::COHERE,
            value: node.clone().into_value(),
        })),
    }
}

/// The fields of an object besides these.
fn rest(node: &Node<'_>, known: &[&str]) -> Extra {
    let mut extra = Map::new();
    if let Node::Object(fields) = node {
        for (key, value) in fields {
            if !known.contains(&key.as_ref()) && !value.is_void() {
                extra.insert(key.clone().into_owned(), value.clone().into_value());
            }
        }
    }
    Extra::of(Dialect::COHERE, extra)
}

fn image(reader: &mut Reader, node: &Node<'_>) -> Option<Part> {
    let found = node.get("image_url").and_then(|image| image.get("url"));
    let Some(url) = found.and_then(Node::as_text) else {
        reader.at("image_url", |reader| reader.missing("url", "a string"));
        return None;
    };
    let data = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    let media = match data {
        Some((media_type, data)) => Media::Base64 {
            media_type: media_type.to_owned(),
            data: data.to_owned(),
        },
        None => Media::Url {
            media_type: None,
            url: url.to_owned(),
        },
    };
    let detail = node
        .get("image_url")
        .and_then(|image| image.get("detail")?.as_text());
    let detail = match detail {
        Some("auto") => Some(ImageDetail::Auto),
        Some("low") => Some(ImageDetail::Low),
        Some("high") => Some(ImageDetail::High),
        _ => None,
    };
    Some(Part::new(Content::Image { media, detail }))
}

/// A document: a bare text, or `{"id", "data"}` with data of any fields. What other dialects have no place for travels
/// along as it came, and what they can tell the model of it stands in the context.
pub(super) fn document(value: &Value) -> Part {
    const TEXTS: [&str; 3] = ["text", "snippet", "content"];
    let data = value.get("data").unwrap_or(value);
    let fields = data.as_object();
    let word = |key: &str| fields?.get(key)?.as_str();
    let text = TEXTS.into_iter().find(|key| word(key).is_some());
    let mut others = fields.cloned().unwrap_or_default();
    let title = word("title").map(str::to_owned);
    others.retain(|key, _| Some(key.as_str()) != text && (key != "title" || title.is_none()));
    let said = match (text.and_then(word), data) {
        (Some(text), _) => text.to_owned(),
        (None, Value::String(text)) => text.clone(),
        (None, _) => {
            others.clear();
            data.to_string()
        }
    };
    let has_more = value.get("id").is_some() || !others.is_empty() || text.is_some_and(is_odd);
    let mut part = Part::new(Content::Document {
        media: Media::Text(said),
        title,
        context: (!others.is_empty()).then(|| Value::Object(others).to_string()),
        citations: Some(true),
    });
    if has_more {
        part.extra
            .insert(Dialect::COHERE, "document", value.clone());
    }
    part
}

/// A text that would come back under another name.
fn is_odd(key: &str) -> bool {
    key != "text"
}
