//! Chunks: from the data of one event to canonical events.

use gateway_schema::chat::{RemoteError, StreamEvent};
use gateway_schema::{CallError, Dialect, Extra, Usage};
use serde_json::{Map, Value};

use super::DONE;
use super::delta::{Answer, opaque};
use crate::node::Node;
use crate::openai::chat::own_words;
use crate::openai::usage;
use crate::sse::{self, SseEvent};

/// Fields of a chunk that only make its size hard to guess.
const PADDING: [&str; 2] = ["obfuscation", "p"];

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub(super) struct ChunkReader {
    started: bool,
    pub(super) ended: bool,
    /// The provider reported an error.
    pub(super) failed: bool,
    answers: Vec<Answer>,
    usage: Option<Usage>,
    /// What was last said under names of the provider's own, so that repetitions are skipped.
    said: Map<String, Value>,
    /// What came before the start.
    early: Map<String, Value>,
}

impl ChunkReader {
    /// Reads one event. Everything after an end or an error is skipped.
    ///
    /// # Errors
    /// Of origin upstream: the event is not JSON.
    pub(super) fn event(&mut self, event: &SseEvent<'_>) -> Result<Vec<StreamEvent>, CallError> {
        let data = event.data.trim_ascii();
        if self.ended || self.failed || data.is_empty() {
            return Ok(Vec::new());
        }
        if data == DONE {
            self.ended = true;
            return Ok(vec![StreamEvent::End]);
        }
        let Ok(node) = serde_json::from_slice::<Node<'_>>(data) else {
            if event.name == Some("error") {
                self.failed = true;
                let error = RemoteError {
                    message: String::from_utf8_lossy(data).chars().take(500).collect(),
                    ..RemoteError::default()
                };
                return Ok(vec![StreamEvent::Error(error)]);
            }
            return Err(sse::malformed());
        };
        let is_error = event.name == Some("error")
            || node.get("error").is_some_and(|error| !error.is_void())
            || is_bare_error(&node);
        if is_error {
            self.failed = true;
            let error = own_words(&node.into_value());
            return Ok(vec![StreamEvent::Error(error)]);
        }
        Ok(self.chunk(node))
    }

    /// True when every answer that began has ended: a stream without its terminator is complete all the same.
    pub(super) fn is_complete(&self) -> bool {
        !self.answers.is_empty() && self.answers.iter().all(|answer| answer.finished)
    }

    /// True when any answer has ended.
    pub(super) fn has_finish(&self) -> bool {
        self.answers.iter().any(|answer| answer.finished)
    }

    fn chunk(&mut self, node: Node<'_>) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        let (mut id, mut model, mut created, mut object) = (None, None, None, None);
        let (mut choices, mut usage) = (Vec::new(), None);
        let mut rest = Map::new();
        for (key, node) in node.into_fields() {
            match &*key {
                "id" => id = node.into_text(),
                "model" => model = node.into_text(),
                "created" => created = node.as_i64(),
                "object" => object = node.into_text(),
                "choices" => choices = node.into_list(),
                "usage" => usage = usage::decode(node).or(usage),
                "x_groq" => {
                    let inner = node.get("usage").cloned().and_then(usage::decode);
                    usage = usage.or(inner);
                    self.other(&key, node, &mut rest);
                }
                key => self.other(key, node, &mut rest),
            }
        }
        if !self.started && (id.is_some() || model.is_some() || !choices.is_empty()) {
            self.started = true;
            let mut extra = std::mem::take(&mut self.early);
            extra.append(&mut rest);
            events.push(StreamEvent::Start {
                id,
                model,
                created: created.filter(|created| *created > 0),
                extra: Extra::of(Dialect::OPENAI, extra),
            });
        } else if !self.started {
            self.early.append(&mut rest);
        }
        let whole = object.as_deref() == Some("chat.completion");
        for (node, position) in choices.into_iter().zip(0..) {
            let choice = node.get("index").and_then(Node::as_u32).unwrap_or(position);
            if let Some(answer) = answer(&mut self.answers, choice) {
                answer.read(node, whole, &mut events);
            }
        }
        opaque(0, "chunk", rest, &mut events);
        if let Some(usage) = usage.filter(|usage| Some(usage) != self.usage.as_ref()) {
            self.usage = Some(usage.clone());
            events.push(StreamEvent::Usage(usage));
        }
        events
    }

    /// A field of the provider's own, unless it is void or was said before.
    fn other(&mut self, key: &str, node: Node<'_>, rest: &mut Map<String, Value>) {
        if node.is_void() || PADDING.contains(&key) {
            return;
        }
        let value = node.into_value();
        if self.said.get(key) != Some(&value) {
            self.said.insert(key.to_owned(), value.clone());
            rest.insert(key.to_owned(), value);
        }
    }
}

/// The answer of this number, made when it is first met.
fn answer(answers: &mut Vec<Answer>, choice: u32) -> Option<&mut Answer> {
    if !answers.iter().any(|answer| answer.choice == choice) {
        answers.push(Answer::new(choice));
    }
    answers.iter_mut().find(|answer| answer.choice == choice)
}

/// An error without an envelope, as vLLM and Mistral write it: `{"object":"error","message":...}`.
pub(super) fn is_bare_error(node: &Node<'_>) -> bool {
    node.get("object").and_then(Node::as_text) == Some("error")
}
