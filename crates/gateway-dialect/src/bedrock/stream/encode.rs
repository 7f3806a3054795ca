//! Streams out.
//!
//! Other formats have no content blocks, and say usage and the reason of the end when it suits them. This writer opens
//! and closes blocks as the kind of content changes, and keeps reason and usage for the end. As with AWS, only tool calls
//! have a start event.

use super::super::set;
use bytes::BytesMut;
use gateway_schema::chat::{Finish, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Losses, Usage};
use serde_json::{Map, Value, json};

use super::super::block::{PROOFS, write_citation};
use super::super::{error, finish, usage};
use crate::event_stream::{write_event, write_exception};
use crate::proofs;

/// The kind of the block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Thinking,
    Redacted,
    Call(u32),
    Opaque,
}

/// Writes a stream of ConverseStream. One per stream.
#[derive(Debug, Default)]
pub(in super::super) struct StreamEncoder {
    started: bool,
    open: Open,
    /// The index of the next block.
    next: u32,
    /// The block of each call.
    calls: Vec<(u32, u32)>,
    finish: Option<Finish>,
    usage: Usage,
    /// What goes into `messageStop` and `metadata` besides.
    stop_extra: Map<String, Value>,
    metadata_extra: Map<String, Value>,
    losses: Losses,
}

impl StreamEncoder {
    /// An encoder at the start of a stream.
    pub(in super::super) fn new() -> Self {
        Self::default()
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            event(out, "messageStart", &json!({"role": "assistant"}));
        }
    }

    /// The index of the open block, if one is open.
    const fn index(&self) -> u32 {
        self.next.saturating_sub(1)
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open != Open::None {
            let index = self.index();
            event(
                out,
                "contentBlockStop",
                &json!({"contentBlockIndex": index}),
            );
            self.open = Open::None;
        }
    }

    /// Makes `kind` the open block.
    fn turn_to(&mut self, kind: Open, out: &mut BytesMut) {
        self.begin(out);
        if self.open != kind {
            self.close(out);
            self.open = kind;
            self.next = self.next.saturating_add(1);
        }
    }

    fn delta(&mut self, kind: Open, delta: &Value, out: &mut BytesMut) {
        self.turn_to(kind, out);
        self.write_delta(self.index(), delta, out);
    }

    #[expect(clippy::unused_self, reason = "reads as a step of the writer")]
    fn write_delta(&self, index: u32, delta: &Value, out: &mut BytesMut) {
        let value = json!({"contentBlockIndex": index, "delta": delta});
        event(out, "contentBlockDelta", &value);
    }

    /// Empty reasoning with the proof of the call that follows.
    fn proof(&mut self, signature: &Signature, out: &mut BytesMut) {
        self.close(out);
        let proof = proofs::of_next(signature);
        let delta = json!({"reasoningContent": {"signature": proof}});
        self.delta(Open::Thinking, &delta, out);
    }

    fn call(&mut self, call: u32, id: Option<&str>, name: &str, out: &mut BytesMut) {
        self.begin(out);
        self.close(out);
        self.open = Open::Call(call);
        let index = self.next;
        self.next = self.next.saturating_add(1);
        self.calls.push((call, index));
        let id = match id {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("tooluse_{name}_{call}"),
        };
        let start = json!({"toolUse": {"toolUseId": id, "name": name}});
        let value = json!({"contentBlockIndex": index, "start": start});
        event(out, "contentBlockStart", &value);
    }

    /// Arguments go to the block of their call, wherever it stands.
    fn arguments(&mut self, call: u32, fragment: &str, out: &mut BytesMut) {
        let block = self.calls.iter().rev().find(|(known, _)| *known == call);
        match block {
            Some((_, index)) if !fragment.is_empty() => {
                let delta = json!({"toolUse": {"input": fragment}});
                self.write_delta(*index, &delta, out);
            }
            Some(_) => {}
            None => self
                .losses
                .dropped("tool_calls", "arguments of a call that never began"),
        }
    }

    /// An event that only this dialect knows; its index is given anew.
    fn own(&mut self, value: &Value, out: &mut BytesMut) {
        if let Some(start) = value.pointer("/contentBlockStart/start") {
            self.begin(out);
            self.close(out);
            self.open = Open::Opaque;
            let value = json!({"contentBlockIndex": self.next, "start": start});
            self.next = self.next.saturating_add(1);
            event(out, "contentBlockStart", &value);
        } else if let Some(delta) = value.pointer("/contentBlockDelta/delta") {
            self.delta(Open::Opaque, delta, out);
        } else if let Some(Value::Object(fields)) = value.get("messageStop") {
            self.stop_extra.extend(fields.clone());
        } else if let Some(Value::Object(fields)) = value.get("metadata") {
            self.metadata_extra.extend(fields.clone());
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut BytesMut) {
        match event {
            StreamEvent::Start { .. } | StreamEvent::Role { .. } => self.begin(out),
            StreamEvent::Text { text, .. }
            | StreamEvent::Refusal { text, .. }
            | StreamEvent::Thinking { text, .. }
                if text.is_empty() => {}
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => {
                self.delta(Open::Text, &json!({"text": text}), out);
            }
            StreamEvent::Thinking { text, .. } => {
                let delta = json!({"reasoningContent": {"text": text}});
                self.delta(Open::Thinking, &delta, out);
            }
            StreamEvent::Signature { signature, .. } => {
                if self.open == Open::Thinking || signature.dialect == Dialect::BEDROCK {
                    let proof = PROOFS.write(signature);
                    let delta = json!({"reasoningContent": {"signature": proof}});
                    self.delta(Open::Thinking, &delta, out);
                } else {
                    self.losses
                        .dropped("signature", "only reasoning carries one here");
                }
            }
            StreamEvent::RedactedThinking { data, .. } => {
                self.close(out);
                let delta = json!({"reasoningContent": {"redactedContent": data}});
                self.delta(Open::Redacted, &delta, out);
            }
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
            StreamEvent::Citation { citation, .. } => {
                let delta = json!({"citation": write_citation(citation)});
                self.delta(Open::Text, &delta, out);
            }
            StreamEvent::Opaque { dialect, value, .. } if *dialect == Dialect::BEDROCK => {
                self.own(value, out);
            }
            StreamEvent::Opaque { dialect, .. } => self
                .losses
                .dropped("stream", format!("only {dialect} knows this event")),
            StreamEvent::Part { .. } => self
                .losses
                .dropped("content", "Converse streams no such part"),
            StreamEvent::Logprobs { .. } => self
                .losses
                .dropped("logprobs", "Converse has no token probabilities"),
            StreamEvent::PartEnd { .. } => self.close(out),
            StreamEvent::Finish { finish, .. } => self.finish = Some(finish.clone()),
            StreamEvent::Usage(usage) => {
                if !self.losses.has(usage::REASONING) {
                    usage::report(Some(usage), &mut self.losses);
                }
                self.usage.update(usage.clone());
            }
            _ => {}
        }
    }
}

/// The proof at the beginning of these events.
fn proof(events: &[StreamEvent]) -> Option<&Signature> {
    match events.first() {
        Some(StreamEvent::Signature {
            choice: 0,
            signature,
        }) => Some(signature),
        _ => None,
    }
}

fn event(out: &mut BytesMut, name: &str, value: &Value) {
    write_event(out, name, value.to_string().as_bytes());
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        let mut rest = events;
        while let [event, after @ ..] = rest {
            rest = after;
            if event.choice().unwrap_or(0) == 0 {
                // The proof of a call comes with it, and stands before it here.
                if let (StreamEvent::ToolCall { .. }, Some(signature)) = (event, proof(after)) {
                    self.proof(signature, out);
                    rest = after.get(1..).unwrap_or_default();
                }
                self.event(event, out);
            } else {
                self.losses
                    .dropped("choices[1]", "a Converse stream is one answer");
            }
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(out);
        self.close(out);
        let reason = finish::write(self.finish.as_ref(), !self.calls.is_empty());
        let mut stop = json!({"stopReason": reason});
        for (key, value) in &self.stop_extra {
            set(&mut stop, key.as_str(), value.clone());
        }
        event(out, "messageStop", &stop);
        // Clients with types demand the metrics.
        let mut metadata =
            json!({"usage": usage::write(Some(&self.usage)), "metrics": {"latencyMs": 0}});
        for (key, value) in &self.metadata_extra {
            set(&mut metadata, key.as_str(), value.clone());
        }
        event(out, "metadata", &metadata);
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        let word = body.get("__type").and_then(Value::as_str);
        let name = error::stream_exception(word.unwrap_or_default());
        let message = body.get("message").and_then(Value::as_str);
        let payload = json!({"message": message.unwrap_or("The answer broke off.")});
        write_exception(out, name, payload.to_string().as_bytes());
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
