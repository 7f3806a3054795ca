//! Streams in.
//!
//! Blocks that the canonical form does not know (server-side tools) become opaque events, with their deltas, so that
//! they reach a client of this dialect and are never taken for the client's own tool calls.

use bytes::Bytes;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, Dialect, Extra};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::block::{PROOFS, read_citation};
use super::super::error::ErrorIn;
use super::super::finish;
use super::super::response::unreadable;
use super::super::usage::UsageIn;
use super::{cut_short, is_known};
use crate::sse::SseScanner;

/// One event, with the fields of all kinds.
#[derive(Deserialize)]
struct EventIn<'a> {
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    message: Option<MessageStart>,
    index: Option<u64>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    usage: Option<UsageIn>,
    error: Option<ErrorIn>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct MessageStart {
    id: Option<String>,
    model: Option<String>,
    usage: Option<UsageIn>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct BlockIn<'a> {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaIn {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    citation: Option<Value>,
}

#[derive(Deserialize)]
struct MessageDelta {
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What the open block is, as far as its deltas need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Text or thinking.
    Plain,
    /// The tool call of this number.
    Call(u32),
    /// A block that only this dialect knows.
    Opaque,
}

/// Reads a stream of the Messages API. One per stream.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: SseScanner,
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

    /// Reads the data of one event, for hosts with an envelope of their own.
    ///
    /// # Errors
    /// Of origin upstream, when it is not JSON.
    pub fn event(&mut self, data: &[u8]) -> Result<Vec<StreamEvent>, CallError> {
        let event: EventIn<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable(&error))?;
        let index = event.index.unwrap_or(0);
        Ok(match event.kind.unwrap_or_default() {
            "message_start" => event.message.map(message_start).unwrap_or_default(),
            "content_block_start" => match event.content_block {
                Some(raw) => self.block_start(index, raw)?,
                None => Vec::new(),
            },
            "content_block_delta" => match event.delta {
                Some(raw) => self.block_delta(index, raw)?,
                None => Vec::new(),
            },
            "content_block_stop" => {
                self.open.retain(|(open, _)| *open != index);
                vec![StreamEvent::PartEnd { choice: 0 }]
            }
            "message_delta" => message_delta(event)?,
            "message_stop" => {
                self.ended = true;
                vec![StreamEvent::End]
            }
            "ping" => vec![StreamEvent::Ping],
            "error" => {
                self.failed = true;
                vec![StreamEvent::Error(
                    event.error.unwrap_or_default().into_remote(),
                )]
            }
            // An event of a later version of the API, or none of its own at all.
            _ => match event.error {
                Some(error) => {
                    self.failed = true;
                    vec![StreamEvent::Error(error.into_remote())]
                }
                None => Vec::new(),
            },
        })
    }

    fn block_start(&mut self, index: u64, raw: &RawValue) -> Result<Vec<StreamEvent>, CallError> {
        let block: BlockIn<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
        let choice = 0;
        let (open, event) = match block.kind.as_str() {
            "text" => {
                let text = block.text.unwrap_or_default();
                (Open::Plain, StreamEvent::Text { choice, text })
            }
            "thinking" => {
                let text = block.thinking.unwrap_or_default();
                (Open::Plain, StreamEvent::Thinking { choice, text })
            }
            "redacted_thinking" => {
                let data = block.data.unwrap_or_default();
                (Open::Plain, StreamEvent::RedactedThinking { choice, data })
            }
            "tool_use" => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                let input = block.input.map(RawValue::get).unwrap_or_default();
                let is_empty = input
                    .chars()
                    .all(|c| matches!(c, '{' | '}') || c.is_whitespace())
                    || input == "null";
                let event = StreamEvent::ToolCall {
                    choice,
                    call,
                    id: block.id,
                    name: block.name.unwrap_or_default(),
                    arguments: if is_empty {
                        String::new()
                    } else {
                        input.to_owned()
                    },
                };
                (Open::Call(call), event)
            }
            _ => (
                Open::Opaque,
                opaque("content_block_start", "content_block", raw)?,
            ),
        };
        self.open.retain(|(known, _)| *known != index);
        self.open.push((index, open));
        let mut events = vec![event];
        if let Some(signature) = block.signature.filter(|signature| !signature.is_empty()) {
            events.push(StreamEvent::Signature {
                choice,
                signature: PROOFS.read(&signature),
            });
        }
        Ok(events)
    }

    fn block_delta(&mut self, index: u64, raw: &RawValue) -> Result<Vec<StreamEvent>, CallError> {
        let open = self
            .open
            .iter()
            .find(|(known, _)| *known == index)
            .map(|(_, open)| *open);
        if open == Some(Open::Opaque) {
            return Ok(vec![opaque("content_block_delta", "delta", raw)?]);
        }
        let delta: DeltaIn = match serde_json::from_str(raw.get()) {
            Ok(delta) => delta,
            Err(_) if !is_known(raw) => {
                return Ok(vec![opaque("content_block_delta", "delta", raw)?]);
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let choice = 0;
        let event = match delta.kind.as_str() {
            "text_delta" => StreamEvent::Text {
                choice,
                text: delta.text.unwrap_or_default(),
            },
            "thinking_delta" => StreamEvent::Thinking {
                choice,
                text: delta.thinking.unwrap_or_default(),
            },
            "signature_delta" => match delta.signature {
                Some(signature) if !signature.is_empty() => StreamEvent::Signature {
                    choice,
                    signature: PROOFS.read(&signature),
                },
                _ => return Ok(Vec::new()),
            },
            "input_json_delta" => match open {
                Some(Open::Call(call)) => StreamEvent::ToolArguments {
                    choice,
                    call,
                    fragment: delta.partial_json.unwrap_or_default(),
                },
                // Arguments of a call that never began belong to nobody.
                _ => return Ok(Vec::new()),
            },
            "citations_delta" => match delta.citation {
                Some(citation) => StreamEvent::Citation {
                    choice,
                    citation: read_citation(citation),
                },
                None => return Ok(Vec::new()),
            },
            _ => opaque("content_block_delta", "delta", raw)?,
        };
        Ok(vec![event])
    }
}

fn message_start(message: MessageStart) -> Vec<StreamEvent> {
    let mut extra = message.extra;
    // What a message always says, or says only at its end.
    for key in ["type", "role", "content", "stop_reason", "stop_sequence"] {
        extra.remove(key);
    }
    extra.retain(|_, value| !value.is_null());
    let mut events = vec![
        StreamEvent::Start {
            id: message.id,
            model: message.model,
            created: None,
            extra: Extra::of(Dialect::ANTHROPIC, extra),
        },
        StreamEvent::Role { choice: 0 },
    ];
    events.extend(
        message
            .usage
            .map(|usage| StreamEvent::Usage(usage.into_usage())),
    );
    events
}

fn message_delta(event: EventIn<'_>) -> Result<Vec<StreamEvent>, CallError> {
    let mut events = Vec::new();
    let mut rest = event.extra;
    rest.retain(|_, value| !value.is_null());
    let mut finish_event = None;
    if let Some(raw) = event.delta {
        let mut delta: MessageDelta =
            serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
        delta.extra.retain(|_, value| !value.is_null());
        if !delta.extra.is_empty() {
            rest.insert("delta".to_owned(), Value::Object(delta.extra));
        }
        if delta.stop_reason.is_some() {
            finish_event = Some(StreamEvent::Finish {
                choice: 0,
                finish: finish::read(delta.stop_reason, delta.stop_sequence),
            });
        }
    }
    if !rest.is_empty() {
        rest.insert("type".to_owned(), "message_delta".into());
        events.push(StreamEvent::Opaque {
            choice: 0,
            dialect: Dialect::ANTHROPIC,
            value: Value::Object(rest),
        });
    }
    events.extend(finish_event);
    events.extend(
        event
            .usage
            .map(|usage| StreamEvent::Usage(usage.into_usage())),
    );
    Ok(events)
}

/// An event that only this dialect knows; its index is given anew by the encoder.
fn opaque(kind: &str, field: &str, raw: &RawValue) -> Result<StreamEvent, CallError> {
    let value: Value = serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
    let mut map = Map::new();
    map.insert("type".to_owned(), kind.into());
    map.insert(field.to_owned(), value);
    Ok(StreamEvent::Opaque {
        choice: 0,
        dialect: Dialect::ANTHROPIC,
        value: Value::Object(map),
    })
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let fed = scanner.try_feed(&chunk, |event| {
            Frame::push_events(self.event(event.data)?, out);
            Ok(())
        });
        self.scanner = scanner;
        fed
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut result = Ok(());
        scanner.finish(|event| {
            result = self
                .event(event.data)
                .map(|events| Frame::push_events(events, out));
        });
        if self.ended || self.failed {
            return Ok(());
        }
        result.and_then(|()| Err(cut_short()))
    }
}
