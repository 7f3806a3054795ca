//! Whole chat replies, from OpenAI's form and its many imitations.
//!
//! Tolerant: a field of an unexpected kind is kept aside as it is, never a reason to fail.

use gateway_schema::chat::{
    ChatResponse, Choice, Citation, Content, ImageDetail, Media, Part, RemoteError, Signature,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra};
use serde_json::{Map, Value};

use super::decode_message::{call_part, google_signature};
use super::decode_part::{media, thinking_text};
use super::{finish, reasoning};
use crate::failure::{self, ErrorDetails};
use crate::node::{Fields, Node, answer};
use crate::openai::usage;

/// Reads a whole chat reply.
///
/// # Errors
/// Of origin upstream: not JSON, no choices, or an error with a good status.
pub fn decode_chat_response(body: &[u8]) -> Result<ChatResponse, CallError> {
    let fields = reply_fields(answer(body)?, "choices")?;
    let mut response = ChatResponse::default();
    let mut extra = Map::new();
    for (key, node) in fields {
        match &*key {
            "id" => response.id = node.into_text(),
            "object" => {}
            "created" => response.created = node.as_i64(),
            "model" => response.model = node.into_text(),
            "choices" => {
                response.choices = node
                    .into_list()
                    .into_iter()
                    .zip(0..)
                    .map(|(node, position)| choice(position, node))
                    .collect();
            }
            "usage" => response.usage = usage::decode(node),
            "service_tier" => response.service_tier = node.into_text(),
            "system_fingerprint" => response.system_fingerprint = node.into_text(),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    response.extra = Extra::of(Dialect::OPENAI, extra);
    Ok(response)
}

/// The fields of a reply that has a list called `list`; an error inside a good status is an error.
pub(crate) fn reply_fields<'a>(node: Node<'a>, list: &str) -> Result<Fields<'a>, CallError> {
    if matches!(node.get(list), Some(Node::List(_))) {
        return Ok(node.into_fields());
    }
    let value = node.into_value();
    let is_error = value.as_object().is_some_and(|object| {
        ["error", "detail", "message"]
            .iter()
            .any(|key| object.contains_key(*key))
    });
    if is_error {
        let error = own_words(&value);
        return Err(failure::error_within(Dialect::OPENAI, &error));
    }
    Err(CallError::upstream(
        ErrorKind::Upstream,
        format!("The provider's answer has no list of {list}."),
    ))
}

/// What the provider says about its failure.
pub(crate) fn own_words(value: &Value) -> RemoteError {
    RemoteError::from(ErrorDetails::from_value(value))
}

fn choice(position: u32, node: Node<'_>) -> Choice {
    let mut choice = Choice::default();
    choice.index = position;
    let mut extra = Map::new();
    let (mut message, mut delta, mut text, mut word) = (None, None, None, None);
    for (key, node) in node.into_fields() {
        match &*key {
            "index" => choice.index = node.as_u32().unwrap_or(position),
            "message" => message = Some(node),
            "delta" => delta = Some(node),
            "text" if matches!(node, Node::Text(_)) => text = Some(node),
            "finish_reason" => word = node.as_text().map(str::to_owned),
            "logprobs" => choice.logprobs = logprobs(node),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if let Some(message) = message.or(delta) {
        let mut reading = Reading::default();
        for (key, node) in message.into_fields() {
            reading.field(&key, node);
        }
        let (parts, rest) = reading.finish();
        choice.parts = parts;
        if !rest.is_empty() {
            extra.insert("message".to_owned(), Value::Object(rest));
        }
    } else if let Some(text) = text.and_then(Node::into_text) {
        choice.parts.push(Part::text(text));
    }
    let has_calls = choice
        .parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    choice.finish = word.map(|word| finish::decode(&word, has_calls));
    choice.extra = Extra::of(Dialect::OPENAI, extra);
    choice
}

/// Token probabilities; an object of nothing but nulls says nothing.
pub(crate) fn logprobs(node: Node<'_>) -> Option<Value> {
    match &node {
        Node::Null => None,
        Node::Object(fields) if fields.iter().all(|(_, node)| node.is_void()) => None,
        _ => Some(node.into_value()),
    }
}

#[derive(Default)]
struct Reading<'a> {
    content: Vec<Part>,
    reasoning: Option<String>,
    thoughts: Vec<Node<'a>>,
    refusal: Option<String>,
    calls: Vec<Part>,
    citations: Vec<Citation>,
    images: Vec<Part>,
    signature: Option<String>,
    rest: Map<String, Value>,
}

impl<'a> Reading<'a> {
    fn field(&mut self, key: &str, node: Node<'a>) {
        match (key, node) {
            ("role", _) => {}
            ("content", node) => self.content = content(node),
            ("reasoning_content", Node::Text(text)) => self.reasoning = Some(text.into_owned()),
            ("reasoning", Node::Text(text)) => {
                self.reasoning.get_or_insert_with(|| text.into_owned());
            }
            ("reasoning_details", Node::List(items)) => self.thoughts = items,
            ("refusal", Node::Text(text)) => {
                self.refusal = Some(text.into_owned()).filter(|text| !text.is_empty());
            }
            ("tool_calls", Node::List(items)) => self.calls.extend(items.into_iter().map(call)),
            ("annotations", Node::List(items)) => {
                self.citations = items.into_iter().map(citation).collect();
            }
            ("images", Node::List(items)) if items.iter().all(is_image) => {
                self.images = items.iter().filter_map(image).collect();
            }
            ("extra_content", node) => {
                let value = node.into_value();
                match google_signature(&value) {
                    Some(proof) => self.signature = Some(proof),
                    None => {
                        self.rest.insert(key.to_owned(), value);
                    }
                }
            }
            // Some servers fill in what they do not use.
            ("function_call" | "audio", node) if is_dummy(&node) => {}
            (_, node) if node.is_void() => {}
            (_, node) => {
                self.rest.insert(key.to_owned(), node.into_value());
            }
        }
    }

    fn finish(mut self) -> (Vec<Part>, Map<String, Value>) {
        let mut parts = reasoning::decode(self.reasoning, self.thoughts);
        let shown = self
            .content
            .iter_mut()
            .rev()
            .find_map(|part| match &mut part.content {
                Content::Text { citations, .. } => Some((citations, &mut part.signature)),
                _ => None,
            });
        let proof = self.signature.map(|value| Signature {
            dialect: Dialect::GEMINI,
            value,
        });
        if let Some((citations, signature)) = shown {
            citations.append(&mut self.citations);
            *signature = proof;
        } else {
            if let Some(call) = self.calls.first_mut() {
                call.signature = call.signature.take().or(proof);
            }
            if !self.citations.is_empty() {
                let mut part = Part::text("");
                if let Content::Text { citations, .. } = &mut part.content {
                    *citations = self.citations;
                }
                self.content.push(part);
            }
        }
        parts.append(&mut self.content);
        parts.extend(self.refusal.map(|text| Part::new(Content::Refusal(text))));
        parts.append(&mut self.images);
        parts.append(&mut self.calls);
        (parts, self.rest)
    }
}

fn content(node: Node<'_>) -> Vec<Part> {
    match node {
        Node::Text(text) if text.is_empty() => Vec::new(),
        Node::Text(text) => vec![Part::text(text)],
        Node::List(items) => items.into_iter().map(content_part).collect(),
        Node::Null => Vec::new(),
        // Cloudflare answers a schema with the object itself instead of its text.
        other => vec![Part::text(other.into_value().to_string())],
    }
}

fn content_part(node: Node<'_>) -> Part {
    let kind = node.get("type").and_then(Node::as_text).unwrap_or("text");
    match kind {
        "text" | "output_text" if node.get("text").is_some() => {
            let text = node.get("text").and_then(Node::as_text).unwrap_or_default();
            Part::text(text)
        }
        "thinking" => {
            let text = node.get("thinking").cloned().map(thinking_text);
            Part::thinking(text.unwrap_or_default())
        }
        "image_url" => image(&node).unwrap_or_else(|| opaque(node)),
        _ => opaque(node),
    }
}

fn opaque(node: Node<'_>) -> Part {
    Part::new(Content::Opaque {
        dialect: Dialect::OPENAI,
        value: node.into_value(),
    })
}

fn call(node: Node<'_>) -> Part {
    let kind = node.get("type").and_then(Node::as_text).unwrap_or_default();
    if matches!(kind, "function" | "") || node.get("function").is_some() {
        call_part(node)
    } else {
        opaque(node)
    }
}

/// Reads an annotation. What is more than an address is kept as it is.
pub(crate) fn citation(node: Node<'_>) -> Citation {
    let mut citation = Citation::new();
    let mut is_whole = node.get("type").and_then(Node::as_text) == Some("url_citation")
        && matches!(&node, Node::Object(fields) if fields.len() == 2);
    let (mut start, mut end) = (None, None);
    if let Some(Node::Object(fields)) = node.get("url_citation") {
        for (key, node) in fields {
            match &**key {
                "url" => citation.url = node.as_text().map(str::to_owned),
                "title" => citation.title = node.as_text().map(str::to_owned),
                "start_index" => start = node.as_u64(),
                "end_index" => end = node.as_u64(),
                _ => is_whole = false,
            }
        }
    } else {
        is_whole = false;
    }
    citation.span = start.zip(end);
    if !is_whole || citation.url.is_none() {
        citation.raw = Some((Dialect::OPENAI, node.into_value()));
    }
    citation
}

pub(crate) fn is_image(node: &Node<'_>) -> bool {
    image(node).is_some()
}

/// A picture in an answer, as OpenRouter writes it.
pub(crate) fn image(node: &Node<'_>) -> Option<Part> {
    let url = node.get("image_url")?.get("url")?.as_text()?;
    let media: Media = media(url.to_owned());
    let detail: Option<ImageDetail> = None;
    Some(Part::new(Content::Image { media, detail }))
}

fn is_dummy(node: &Node<'_>) -> bool {
    node.is_void()
        || (["id", "name", "data", "transcript"]
            .iter()
            .all(|key| node.get(key).is_none_or(Node::is_void)))
}
