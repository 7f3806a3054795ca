//! Messages of a request, from OpenAI's form.

use gateway_schema::chat::{
    Content, ContentForm, Message, Part, Role, Signature, ToolCall, ToolResult,
};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use super::decode_part::{self, cache_control};
use super::reasoning;
use crate::node::{Node, Reader};

/// Reads one message.
pub(crate) fn message(reader: &mut Reader, node: Node<'_>) -> Option<Message> {
    let fields = match node {
        Node::Object(fields) => fields,
        other => {
            reader.wrong(&other, "an object with a `role`");
            return None;
        }
    };
    let mut read = Reading::default();
    for (key, node) in fields {
        match &*key {
            "role" => read.role = reader.text("role", node),
            "content" => read.content(reader, node),
            "name" => read.name = reader.text("name", node),
            "refusal" => read.refusal = reader.text("refusal", node),
            "tool_call_id" => read.call_id = reader.text("tool_call_id", node),
            "tool_calls" => {
                read.calls = reader
                    .list("tool_calls", node, tool_call)
                    .unwrap_or_default();
            }
            "reasoning_content" => {
                read.reasoning = reader.text("reasoning_content", node).or(read.reasoning);
            }
            "reasoning" if matches!(node, Node::Text(_) | Node::Null) => {
                read.reasoning = read.reasoning.or(node.into_text());
            }
            "reasoning_details" => {
                read.thoughts = node.into_list();
            }
            "cache_control" if matches!(node, Node::Object(_)) => read.cache = Some(node),
            _ => {
                read.extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    read.finish(reader)
}

#[derive(Default)]
struct Reading<'a> {
    role: Option<String>,
    name: Option<String>,
    form: Option<ContentForm>,
    parts: Vec<Part>,
    refusal: Option<String>,
    call_id: Option<String>,
    calls: Vec<Part>,
    reasoning: Option<String>,
    thoughts: Vec<Node<'a>>,
    cache: Option<Node<'a>>,
    extra: Map<String, Value>,
}

impl Reading<'_> {
    fn content(&mut self, reader: &mut Reader, node: Node<'_>) {
        self.parts.clear();
        self.form = Some(match node {
            Node::Null => ContentForm::Null,
            Node::Text(text) => {
                self.parts.push(Part::text(text));
                ContentForm::Text
            }
            Node::List(_) => {
                self.parts = reader
                    .list("content", node, decode_part::part)
                    .unwrap_or_default();
                ContentForm::Parts
            }
            other => {
                reader.at("content", |reader| {
                    reader.wrong(&other, "a string, a list of parts or null");
                });
                ContentForm::Null
            }
        });
    }

    fn finish(self, reader: &mut Reader) -> Option<Message> {
        let Some(role) = self.role else {
            reader.missing(
                "role",
                "`system`, `developer`, `user`, `assistant` or `tool`",
            );
            return None;
        };
        let role = match role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => Role::Other(role),
        };
        let form = self.form.unwrap_or(ContentForm::Absent);
        let mut parts = reasoning::decode(self.reasoning, self.thoughts);
        let mut name = self.name;
        if role == Role::Tool {
            let Some(call_id) = self.call_id else {
                reader.missing("tool_call_id", "the id of the tool call it answers");
                return None;
            };
            parts.push(Part::new(Content::ToolResult(ToolResult {
                call_id,
                name: name.take(),
                parts: self.parts,
                form,
                is_error: false,
            })));
        } else {
            parts.extend(self.parts);
        }
        if let Some(refusal) = self.refusal.filter(|refusal| !refusal.is_empty()) {
            parts.push(Part::new(Content::Refusal(refusal)));
        }
        parts.extend(self.calls);
        let mut extra = Extra::of(Dialect::OPENAI, self.extra);
        sign(&mut parts, &mut extra);
        if let Some(node) = &self.cache
            && let Some(last) = parts.last_mut()
        {
            last.cache = cache_control(node);
        }
        let mut message = Message::new(role, parts);
        message.name = name;
        message.form = form;
        message.extra = extra;
        Some(message)
    }
}

/// Gives Gemini's proof of a text, which its OpenAI-like endpoint hides in the message, to the text.
fn sign(parts: &mut [Part], extra: &mut Extra) {
    let Some(value) = extra
        .fields()
        .get("extra_content")
        .and_then(google_signature)
    else {
        return;
    };
    let text = parts
        .iter_mut()
        .rev()
        .find(|part| matches!(part.content, Content::Text { .. }));
    if let Some(part) = text {
        part.signature = Some(Signature {
            dialect: Dialect::GEMINI,
            value,
        });
        let mut fields = extra.fields().clone();
        fields.remove("extra_content");
        *extra = Extra::of(Dialect::OPENAI, fields);
    }
}

/// `extra_content.google.thought_signature`, if that is all there is.
pub(crate) fn google_signature(value: &Value) -> Option<String> {
    let outer = value.as_object().filter(|outer| outer.len() == 1)?;
    let inner = outer.get("google")?.as_object()?;
    (inner.len() == 1)
        .then(|| inner.get("thought_signature")?.as_str().map(str::to_owned))
        .flatten()
}

/// Reads one tool call of a message.
fn tool_call(reader: &mut Reader, node: Node<'_>) -> Option<Part> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object");
        return None;
    }
    let kind = node.get("type").and_then(Node::as_text).unwrap_or_default();
    if !matches!(kind, "function" | "") {
        return Some(Part::new(Content::Opaque {
            dialect: Dialect::OPENAI,
            value: node.into_value(),
        }));
    }
    if !matches!(node.get("function"), Some(Node::Object(_))) {
        reader.missing("function", "an object with `name` and `arguments`");
        return None;
    }
    let part = call_part(node);
    if let Content::ToolCall(call) = &part.content
        && call.name.is_empty()
    {
        reader.at("function", |reader| {
            reader.missing("name", "the name of the function");
        });
        return None;
    }
    Some(part)
}

/// Reads a function call, tolerantly: any field may be missing.
pub(crate) fn call_part(node: Node<'_>) -> Part {
    let (mut id, mut name, mut arguments) = (None, String::new(), String::new());
    let (mut extra, mut rest) = (Map::new(), Map::new());
    let mut signature = None;
    for (key, node) in node.into_fields() {
        match &*key {
            "id" => id = node.into_text(),
            // Some servers fill in an empty call of the custom kind.
            "type" | "index" | "custom" => {}
            "function" => {
                for (key, node) in node.into_fields() {
                    match &*key {
                        "name" => name = node.into_text().unwrap_or_default(),
                        "arguments" => arguments = arguments_text(node),
                        _ if node.is_null() => {}
                        _ => {
                            rest.insert(key.into_owned(), node.into_value());
                        }
                    }
                }
            }
            "extra_content" => {
                let value = node.into_value();
                match google_signature(&value) {
                    Some(proof) => signature = Some(proof),
                    None => {
                        extra.insert(key.into_owned(), value);
                    }
                }
            }
            _ if node.is_null() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !rest.is_empty() {
        extra.insert("function".to_owned(), Value::Object(rest));
    }
    let mut part = Part::new(Content::ToolCall(ToolCall {
        id,
        name,
        arguments,
    }));
    part.extra = Extra::of(Dialect::OPENAI, extra);
    part.signature = signature.map(|value| Signature {
        dialect: Dialect::GEMINI,
        value,
    });
    part
}

/// Arguments as JSON text; some servers write the object itself.
pub(crate) fn arguments_text(node: Node<'_>) -> String {
    match node {
        Node::Text(text) => text.into_owned(),
        Node::Null => String::new(),
        other => other.into_value().to_string(),
    }
}
