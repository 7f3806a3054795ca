//! Streams out.
//!
//! Other formats have no content blocks, and say usage and the reason of the end when it suits them. This writer opens
//! and closes blocks as the kind of content changes, and keeps reason and usage for `message-end`. Blocks of content
//! and tool calls are numbered apart, as Cohere does.

use bytes::BytesMut;
use gateway_schema::chat::{Citation, Finish, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Losses, Usage};
use serde_json::{Map, Value, json};

use super::super::{citation, finish, put, usage};
use super::reply::{NO_HIDDEN, NO_SIGNATURE, NO_TOKEN_IDS, call_id, logprobs};
use crate::ReplyInfo;
use crate::sse;

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Thinking,
    /// The tool call of this number.
    Call(usize),
}

/// Writes a stream of chat. One per stream.
#[derive(Debug)]
pub(super) struct StreamEncoder {
    /// For answers that have no id.
    id: String,
    started: bool,
    open: Open,
    /// How many blocks of content there were.
    blocks: usize,
    /// The text of the block so far, where citations may point at.
    text: String,
    /// The canonical numbers of the calls, in order.
    calls: Vec<u32>,
    citations: citation::Writer,
    cited: usize,
    finish: Option<Finish>,
    usage: Option<Usage>,
    losses: Losses,
}

impl StreamEncoder {
    /// An encoder at the start of a stream.
    pub(super) fn new(info: &ReplyInfo) -> Self {
        Self {
            id: info.id.clone(),
            started: false,
            open: Open::None,
            blocks: 0,
            text: String::new(),
            calls: Vec::new(),
            citations: citation::Writer::default(),
            cited: 0,
            finish: None,
            usage: None,
            losses: Losses::new(),
        }
    }

    fn begin(&mut self, id: Option<&str>, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        if let Some(id) = id {
            id.clone_into(&mut self.id);
        }
        let message = json!({
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [],
        });
        let value = json!({"id": self.id, "type": "message-start", "delta": {"message": message}});
        event(out, "message-start", &value);
    }

    /// The number of the open block of content.
    const fn block(&self) -> usize {
        self.blocks.saturating_sub(1)
    }

    fn close(&mut self, out: &mut BytesMut) {
        let (kind, index) = match self.open {
            Open::None => return,
            Open::Text | Open::Thinking => ("content-end", self.block()),
            Open::Call(number) => ("tool-call-end", number),
        };
        self.open = Open::None;
        event(out, kind, &json!({"type": kind, "index": index}));
    }

    /// Makes a block of this kind the open one.
    fn turn_to(&mut self, kind: Open, out: &mut BytesMut) {
        self.begin(None, out);
        if self.open == kind {
            return;
        }
        self.close(out);
        self.open = kind;
        self.text.clear();
        let index = self.blocks;
        self.blocks += 1;
        let content = match kind {
            Open::Thinking => json!({"type": "thinking", "thinking": ""}),
            _ => json!({"type": "text", "text": ""}),
        };
        let value = json!({
            "type": "content-start", "index": index, "delta": {"message": {"content": content}},
        });
        event(out, "content-start", &value);
    }

    fn content(&self, content: &Value, logprobs: Option<&Value>, out: &mut BytesMut) {
        let mut value = json!({
            "type": "content-delta", "index": self.block(), "delta": {"message": {"content": content}},
        });
        if let (Some(stated), Value::Object(fields)) = (logprobs, &mut value) {
            fields.insert("logprobs".to_owned(), stated.clone());
        }
        event(out, "content-delta", &value);
    }

    fn say(&mut self, text: &str, out: &mut BytesMut) {
        self.turn_to(Open::Text, out);
        self.text.push_str(text);
        self.content(&json!({"text": text}), None, out);
    }

    fn think(&mut self, text: &str, out: &mut BytesMut) {
        self.turn_to(Open::Thinking, out);
        self.content(&json!({"thinking": text}), None, out);
    }

    fn call(&mut self, call: u32, id: Option<&str>, name: &str, out: &mut BytesMut) {
        self.begin(None, out);
        self.close(out);
        let number = self.calls.len();
        self.calls.push(call);
        self.open = Open::Call(number);
        let begun = json!({
            "id": call_id(id, name, number), "type": "function",
            "function": {"name": name, "arguments": ""},
        });
        let value = json!({
            "type": "tool-call-start", "index": number, "delta": {"message": {"tool_calls": begun}},
        });
        event(out, "tool-call-start", &value);
    }

    /// Arguments go to their call, wherever it stands.
    fn arguments(&mut self, call: u32, fragment: &str, out: &mut BytesMut) {
        let number = self.calls.iter().rposition(|known| *known == call);
        match number {
            Some(number) if !fragment.is_empty() => {
                let more = json!({"function": {"arguments": fragment}});
                let value = json!({
                    "type": "tool-call-delta", "index": number, "delta": {"message": {"tool_calls": more}},
                });
                event(out, "tool-call-delta", &value);
            }
            Some(_) => {}
            None => self
                .losses
                .dropped("tool_calls", "arguments of a call that never began"),
        }
    }

    fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        self.turn_to(Open::Text, out);
        let block = self.block();
        let Some(value) = self.citations.write(citation, &self.text, block) else {
            return;
        };
        let index = self.cited;
        self.cited += 1;
        let start = json!({
            "type": "citation-start", "index": index, "delta": {"message": {"citations": value}},
        });
        event(out, "citation-start", &start);
        let end = json!({"type": "citation-end", "index": index});
        event(out, "citation-end", &end);
    }

    /// Probabilities stand with text, an empty one if need be.
    fn probabilities(&mut self, value: &Value, out: &mut BytesMut) {
        if self.open != Open::Text {
            self.losses.dropped(
                "logprobs",
                "no text is being sent that they could stand with",
            );
            return;
        }
        for piece in logprobs(value) {
            self.losses.approximated("logprobs", NO_TOKEN_IDS);
            self.content(&json!({"text": ""}), Some(&piece), out);
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut BytesMut) {
        match event {
            StreamEvent::Start { id, .. } => self.begin(id.as_deref(), out),
            StreamEvent::Role { .. } => self.begin(None, out),
            StreamEvent::Text { text, .. }
            | StreamEvent::Refusal { text, .. }
            | StreamEvent::Thinking { text, .. }
                if text.is_empty() => {}
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => {
                self.say(text, out);
            }
            StreamEvent::Thinking { text, .. } => self.think(text, out),
            StreamEvent::ToolCall {
                call,
                id,
                name,
                arguments,
                ..
            } => {
                self.call(*call, id.as_deref(), name, out);
                self.arguments(*call, arguments, out);
            }
            StreamEvent::ToolArguments { call, fragment, .. } => {
                self.arguments(*call, fragment, out);
            }
            StreamEvent::Citation { citation, .. } => self.cite(citation, out),
            StreamEvent::Logprobs { value, .. } => self.probabilities(value, out),
            StreamEvent::Signature { .. } => self.losses.dropped("signature", NO_SIGNATURE),
            StreamEvent::RedactedThinking { .. } => self.losses.dropped("thinking", NO_HIDDEN),
            StreamEvent::Opaque { dialect, .. } => self
                .losses
                .dropped("stream", format!("only {dialect} knows this event")),
            StreamEvent::Part { .. } => self
                .losses
                .dropped("content", "answers of this API hold no such part"),
            StreamEvent::PartEnd { .. } => self.close(out),
            StreamEvent::Finish { finish, .. } => self.finish = Some(finish.clone()),
            StreamEvent::Usage(usage) => self.usage.get_or_insert_default().update(usage.clone()),
            _ => {}
        }
    }

    /// The last event, and the terminator.
    fn finish(&mut self, delta: Map<String, Value>, out: &mut BytesMut) {
        let mut delta = delta;
        put(&mut delta, "usage", self.usage.as_ref().map(usage::write));
        let value = json!({"type": "message-end", "id": self.id, "delta": delta});
        event(out, "message-end", &value);
        sse::write_event(out, None, b"[DONE]");
    }
}

fn event(out: &mut BytesMut, name: &str, value: &Value) {
    sse::write_json(out, Some(name), value);
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        for event in events {
            if event.choice().unwrap_or(0) == 0 {
                self.event(event, out);
            } else {
                self.losses
                    .dropped("choices[1]", "a stream of Cohere's is one answer");
            }
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(None, out);
        self.close(out);
        let reason = finish::write(self.finish.as_ref(), !self.calls.is_empty());
        let mut delta = Map::new();
        put(&mut delta, "finish_reason", Some(reason));
        self.finish(delta, out);
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        let message = body.get("message").and_then(Value::as_str);
        let mut delta = Map::new();
        put(&mut delta, "finish_reason", Some("ERROR"));
        put(
            &mut delta,
            "error",
            Some(message.unwrap_or("The answer broke off.")),
        );
        self.finish(delta, out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
