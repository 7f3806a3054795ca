//! Streams in.
//!
//! Text and reasoning have no start event; `metadata`, after `messageStop`, is the last event. Blocks that the canonical
//! form does not know (server-side tools, their results) become opaque events, with their deltas.

use bytes::Bytes;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, Dialect};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::block::{PROOFS, is_own_call, read_citation};
use super::super::response::tier;
use super::super::usage::UsageIn;
use super::super::{error, finish, unreadable};
use super::cut_short;
use crate::event_stream::{EventStreamScanner, Message};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventIn {
    content_block_index: Option<u64>,
    start: Option<Map<String, Value>>,
    delta: Option<Map<String, Value>>,
    stop_reason: Option<String>,
    usage: Option<UsageIn>,
    service_tier: Option<Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What the open block is, as far as its deltas need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// The tool call of this number.
    Call(u32),
    /// A block that only this dialect knows.
    Opaque,
}

/// Reads a stream of ConverseStream. One per stream.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: EventStreamScanner,
    /// Open blocks by their index. Few: blocks come one after the other.
    open: Vec<(u64, Open)>,
    calls: u32,
    ended: bool,
    failed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn message(&mut self, message: &Message<'_>) -> Result<Vec<StreamEvent>, CallError> {
        if let Some(error) = failure(message) {
            self.failed = true;
            return Ok(vec![StreamEvent::Error(error)]);
        }
        let name = message.header(":event-type").unwrap_or_default();
        self.event(name, message.payload)
    }

    /// Reads one event by its name, for hosts with an envelope of their own.
    ///
    /// # Errors
    /// Of origin upstream, when it is not JSON.
    pub fn event(&mut self, name: &str, payload: &[u8]) -> Result<Vec<StreamEvent>, CallError> {
        let known = [
            "messageStart",
            "contentBlockStart",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ];
        if !known.contains(&name) {
            // An event of a later version of the API.
            return Ok(Vec::new());
        }
        let event: EventIn =
            serde_json::from_slice(payload).map_err(|error| unreadable("stream", error))?;
        let index = event.content_block_index.unwrap_or(0);
        Ok(match name {
            "messageStart" => vec![StreamEvent::start(), StreamEvent::Role { choice: 0 }],
            "contentBlockStart" => self.start(index, &event.start.unwrap_or_default()),
            "contentBlockDelta" => self.delta(index, event.delta.unwrap_or_default()),
            "contentBlockStop" => {
                self.open.retain(|(open, _)| *open != index);
                vec![StreamEvent::PartEnd { choice: 0 }]
            }
            "messageStop" => stop(event),
            _ => {
                self.ended = true;
                metadata(event)
            }
        })
    }

    fn start(&mut self, index: u64, start: &Map<String, Value>) -> Vec<StreamEvent> {
        let call = start
            .get("toolUse")
            .filter(|it| is_own_call(it.get("type")));
        let (open, event) = match call {
            Some(tool) => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                let text = |key: &str| tool.get(key).and_then(Value::as_str).map(str::to_owned);
                let event = StreamEvent::ToolCall {
                    choice: 0,
                    call,
                    id: text("toolUseId"),
                    name: text("name").unwrap_or_default(),
                    arguments: String::new(),
                };
                (Open::Call(call), event)
            }
            None if start.is_empty() => return Vec::new(),
            None => (
                Open::Opaque,
                opaque(json!({"contentBlockStart": {"start": start}})),
            ),
        };
        self.open.retain(|(known, _)| *known != index);
        self.open.push((index, open));
        vec![event]
    }

    fn delta(&mut self, index: u64, mut delta: Map<String, Value>) -> Vec<StreamEvent> {
        let choice = 0;
        let open = self
            .open
            .iter()
            .find(|(known, _)| *known == index)
            .map(|(_, open)| *open);
        if open == Some(Open::Opaque) {
            return vec![opaque(json!({"contentBlockDelta": {"delta": delta}}))];
        }
        if let Some(Value::String(text)) = delta.get_mut("text") {
            let text = std::mem::take(text);
            return vec![StreamEvent::Text { choice, text }];
        }
        if let Some(tool) = delta.get("toolUse") {
            let fragment = tool.get("input").and_then(Value::as_str);
            // Arguments of a call that never began belong to nobody.
            return match (open, fragment) {
                (Some(Open::Call(call)), Some(fragment)) => vec![StreamEvent::ToolArguments {
                    choice,
                    call,
                    fragment: fragment.to_owned(),
                }],
                _ => Vec::new(),
            };
        }
        if let Some(Value::Object(reasoning)) = delta.get("reasoningContent") {
            return thinking(reasoning);
        }
        if let Some(citation) = delta.get_mut("citation") {
            return vec![StreamEvent::Citation {
                choice,
                citation: read_citation(citation.take()),
            }];
        }
        if delta.is_empty() {
            return Vec::new();
        }
        vec![opaque(json!({"contentBlockDelta": {"delta": delta}}))]
    }
}

/// The error that a message is, if it is one.
pub(in super::super) fn failure(
    message: &Message<'_>,
) -> Option<gateway_schema::chat::RemoteError> {
    match message.kind() {
        "event" => None,
        "exception" => {
            let name = message.header(":exception-type").unwrap_or_default();
            Some(error::exception(name, message.payload))
        }
        _ => {
            let name = message.header(":error-code").unwrap_or_default();
            let mut remote = error::exception(name, message.payload);
            if let Some(text) = message.header(":error-message") {
                text.clone_into(&mut remote.message);
            }
            Some(remote)
        }
    }
}

fn thinking(reasoning: &Map<String, Value>) -> Vec<StreamEvent> {
    let choice = 0;
    let text = |key: &str| reasoning.get(key).and_then(Value::as_str);
    let mut events = Vec::new();
    if let Some(text) = text("text") {
        let text = text.to_owned();
        events.push(StreamEvent::Thinking { choice, text });
    }
    if let Some(signature) = text("signature").filter(|signature| !signature.is_empty()) {
        events.push(StreamEvent::Signature {
            choice,
            signature: PROOFS.read(signature),
        });
    }
    if let Some(data) = text("redactedContent") {
        let data = data.to_owned();
        events.push(StreamEvent::RedactedThinking { choice, data });
    }
    events
}

fn stop(event: EventIn) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    if let Some(fields) = event
        .extra
        .get("additionalModelResponseFields")
        .filter(|fields| !fields.is_null())
    {
        events.push(opaque(
            json!({"messageStop": {"additionalModelResponseFields": fields}}),
        ));
    }
    events.push(StreamEvent::Finish {
        choice: 0,
        finish: finish::read(event.stop_reason),
    });
    events
}

fn metadata(event: EventIn) -> Vec<StreamEvent> {
    let mut rest = event.extra;
    rest.retain(|key, value| !matches!(key.as_str(), "metrics" | "p") && !value.is_null());
    if let Some(tier) = event.service_tier.as_ref().and_then(tier) {
        rest.insert("serviceTier".to_owned(), json!({"type": tier}));
    }
    let mut events = Vec::new();
    if !rest.is_empty() {
        events.push(opaque(json!({"metadata": rest})));
    }
    events.extend(
        event
            .usage
            .map(|usage| StreamEvent::Usage(usage.into_usage())),
    );
    events.push(StreamEvent::End);
    events
}

fn opaque(value: Value) -> StreamEvent {
    StreamEvent::Opaque {
        choice: 0,
        dialect: Dialect::BEDROCK,
        value,
    }
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut result = Ok(());
        let scanned = scanner.feed(&chunk, |message| {
            if result.is_ok() {
                result = self.message(&message).map(|events| {
                    Frame::push_events(events, out);
                });
            }
        });
        self.scanner = scanner;
        result?;
        scanned?;
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.ended || self.failed {
            Ok(())
        } else {
            Err(cut_short())
        }
    }
}
