//! One choice of a chunk: what it adds to an answer.

use gateway_schema::Dialect;
use gateway_schema::chat::{Signature, StreamEvent};
use serde_json::{Map, Value};

use super::calls::{Calls, Piece};
use crate::node::Node;
use crate::openai::chat::reasoning::Detail;
use crate::openai::chat::{
    arguments_text, citation, finish, google_signature, image, is_image, logprobs, thinking_text,
};

/// What is known of one answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) choice: u32,
    has_role: bool,
    pub(super) finished: bool,
    calls: Calls,
}

impl Answer {
    pub(super) fn new(choice: u32) -> Self {
        Self {
            choice,
            ..Self::default()
        }
    }

    /// Reads one entry of `choices`.
    pub(super) fn read(&mut self, node: Node<'_>, whole: bool, events: &mut Vec<StreamEvent>) {
        let choice = self.choice;
        let (mut delta, mut message, mut text, mut word, mut probabilities) =
            (None, None, None, None, None);
        let mut rest = Map::new();
        for (key, node) in node.into_fields() {
            match &*key {
                "index" => {}
                "delta" => delta = Some(node),
                "message" => message = Some(node),
                "text" => text = Some(node),
                "finish_reason" => word = node.into_text(),
                "logprobs" => probabilities = logprobs(node),
                _ if node.is_void() => {}
                _ => {
                    rest.insert(key.into_owned(), node.into_value());
                }
            }
        }
        // A repeated whole message beside the delta says nothing new; alone, it is the answer.
        if let Some(delta) = delta.or(message.filter(|_| whole)) {
            self.delta(delta, events);
        } else if let Some(text) = text.and_then(Node::into_text) {
            events.push(StreamEvent::Text { choice, text });
        }
        if let Some(value) = probabilities {
            events.push(StreamEvent::Logprobs { choice, value });
        }
        opaque(choice, "choice", rest, events);
        if let Some(word) = word.filter(|_| !self.finished) {
            self.finished = true;
            events.append(&mut self.calls.rest(choice));
            events.push(StreamEvent::Finish {
                choice,
                finish: finish::decode(&word, !self.calls.is_empty()),
            });
        }
    }

    fn delta(&mut self, node: Node<'_>, events: &mut Vec<StreamEvent>) {
        let choice = self.choice;
        let (mut thought, mut details, mut content, mut refusal) = (None, Vec::new(), None, None);
        let (mut calls, mut sources, mut signature) = (Vec::new(), Vec::new(), None);
        let (mut rest, mut images) = (Map::new(), Vec::new());
        for (key, node) in node.into_fields() {
            match (&*key, node) {
                ("role", Node::Text(_)) => {
                    if !std::mem::replace(&mut self.has_role, true) {
                        events.push(StreamEvent::Role { choice });
                    }
                }
                ("content", node) => content = Some(node),
                ("reasoning_content", Node::Text(text)) => thought = Some(text.into_owned()),
                ("reasoning", Node::Text(text)) => {
                    thought.get_or_insert_with(|| text.into_owned());
                }
                ("reasoning_details", Node::List(items)) => details = items,
                ("refusal", node) => refusal = node.into_text(),
                ("tool_calls", Node::List(items)) => calls = items,
                ("annotations", Node::List(items)) => sources = items,
                ("extra_content", node) => {
                    let value = node.into_value();
                    match google_signature(&value) {
                        Some(proof) => signature = Some(proof),
                        None => {
                            rest.insert(key.into_owned(), value);
                        }
                    }
                }
                ("images", Node::List(items)) if items.iter().all(is_image) => {
                    images = items.iter().filter_map(image).collect();
                }
                // The number of a token is of no use without the vocabulary.
                ("token_id", _) => {}
                (_, node) if node.is_void() => {}
                (_, node) => {
                    rest.insert(key.into_owned(), node.into_value());
                }
            }
        }
        self.thoughts(thought, details, events);
        if let Some(content) = content {
            self.content(content, events);
        }
        if let Some(text) = refusal {
            events.push(StreamEvent::Refusal { choice, text });
        }
        events.extend(signature.map(|value| proof(choice, Dialect::GEMINI, value)));
        events.extend(images.into_iter().map(|part| StreamEvent::Part {
            choice,
            content: Box::new(part.content),
        }));
        for call in calls {
            self.call(call, events);
        }
        events.extend(sources.into_iter().map(|node| StreamEvent::Citation {
            choice,
            citation: citation(node),
        }));
        opaque(choice, "delta", rest, events);
    }

    fn thoughts(
        &self,
        plain: Option<String>,
        details: Vec<Node<'_>>,
        events: &mut Vec<StreamEvent>,
    ) {
        let choice = self.choice;
        let mut told = false;
        let mut proofs = Vec::new();
        for node in details {
            let detail = Detail::decode(node);
            if let Some(text) = detail.text {
                told = true;
                events.push(StreamEvent::Thinking { choice, text });
            }
            if let Some(data) = detail.data {
                proofs.push(StreamEvent::RedactedThinking { choice, data });
            }
            if let Some(signature) = detail.signature {
                proofs.push(StreamEvent::Signature { choice, signature });
            }
        }
        if let Some(text) = plain.filter(|text| !told && !text.is_empty()) {
            events.push(StreamEvent::Thinking { choice, text });
        }
        events.append(&mut proofs);
    }

    fn content(&self, node: Node<'_>, events: &mut Vec<StreamEvent>) {
        let choice = self.choice;
        match node {
            Node::Text(text) if !text.is_empty() => {
                events.push(StreamEvent::Text {
                    choice,
                    text: text.into_owned(),
                });
            }
            Node::List(items) => {
                for item in items {
                    match item.get("type").and_then(Node::as_text) {
                        Some("text") | None => {
                            let text = item.get("text").and_then(Node::as_text);
                            events.extend(text.map(|text| StreamEvent::Text {
                                choice,
                                text: text.to_owned(),
                            }));
                        }
                        Some("thinking") => {
                            let text = item.get("thinking").cloned().map(thinking_text);
                            events.extend(text.map(|text| StreamEvent::Thinking { choice, text }));
                        }
                        Some(_) => opaque(
                            choice,
                            "delta",
                            [("content".to_owned(), Value::Array(vec![item.into_value()]))]
                                .into_iter()
                                .collect(),
                            events,
                        ),
                    }
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, node: Node<'_>, events: &mut Vec<StreamEvent>) {
        let choice = self.choice;
        let is_function = node.get("function").is_some()
            || matches!(
                node.get("type").and_then(Node::as_text),
                None | Some("function" | "")
            );
        if !is_function {
            let call = Value::Array(vec![node.into_value()]);
            let rest = [("tool_calls".to_owned(), call)].into_iter().collect();
            return opaque(choice, "delta", rest, events);
        }
        let mut piece = Piece::default();
        let mut signature = None;
        for (key, node) in node.into_fields() {
            match &*key {
                "index" => piece.index = node.as_u64(),
                "id" => piece.id = node.into_text(),
                "function" => {
                    for (key, node) in node.into_fields() {
                        match &*key {
                            "name" => piece.name = node.into_text(),
                            "arguments" => piece.arguments = arguments_text(node),
                            _ => {}
                        }
                    }
                }
                "extra_content" => signature = google_signature(&node.into_value()),
                _ => {}
            }
        }
        events.extend(self.calls.take(choice, piece));
        events.extend(signature.map(|value| proof(choice, Dialect::GEMINI, value)));
    }
}

fn proof(choice: u32, dialect: Dialect, value: String) -> StreamEvent {
    StreamEvent::Signature {
        choice,
        signature: Signature { dialect, value },
    }
}

/// Fields that only this dialect knows, with the level they stand at: `chunk`, `choice` or `delta`.
pub(super) fn opaque(
    choice: u32,
    level: &str,
    fields: Map<String, Value>,
    events: &mut Vec<StreamEvent>,
) {
    if fields.is_empty() {
        return;
    }
    let mut value = Map::new();
    value.insert(level.to_owned(), Value::Object(fields));
    events.push(StreamEvent::Opaque {
        choice,
        dialect: Dialect::OPENAI,
        value: Value::Object(value),
    });
}
