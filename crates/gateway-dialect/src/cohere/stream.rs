//! Streams of chat.

use bytes::Bytes;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, ErrorKind, Extra};
use serde_json::{Map, Value, json};

use super::response::{arguments, logprob};
use super::{citation, error, finish, items, unreadable, usage};
use crate::node;
use crate::sse::SseScanner;

/// The stream stopped before its terminator.
pub(super) fn cut_short() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream ended before the answer was complete.",
    )
    .with_code("stream_cut")
}

/// Reads a stream of chat. One per stream.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: SseScanner,
    /// The provider's numbers of the calls so far, in order.
    calls: Vec<u64>,
    ended: bool,
    failed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the data of one event.
    fn event(&mut self, data: &[u8]) -> Result<Vec<StreamEvent>, CallError> {
        if self.ended || self.failed || data.trim_ascii() == b"[DONE]" {
            return Ok(Vec::new());
        }
        let event: Value =
            serde_json::from_slice(data).map_err(|error| unreadable("stream", error))?;
        let kind = event.get("type").and_then(Value::as_str);
        let message = event.pointer("/delta/message");
        let index = event.get("index").and_then(node::count).unwrap_or(0);
        Ok(match kind.unwrap_or_default() {
            "message-start" => start(&event),
            "content-start" | "content-delta" => content(&event, message),
            "content-end" | "tool-call-end" => vec![StreamEvent::PartEnd { choice: 0 }],
            "tool-plan-delta" => thinking(message.and_then(|message| message.get("tool_plan"))),
            "tool-call-start" => self.call_start(index, message),
            "tool-call-delta" => self.call_delta(index, message),
            "citation-start" => citations(message),
            "message-end" => self.message_end(event),
            _ => self.other(event),
        })
    }

    fn call_start(&mut self, index: u64, message: Option<&Value>) -> Vec<StreamEvent> {
        let Some((call, function)) = function(message) else {
            return Vec::new();
        };
        let number = self.calls.len();
        self.calls.push(index);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        vec![StreamEvent::ToolCall {
            choice: 0,
            call: u32::try_from(number).unwrap_or(u32::MAX),
            id: text(call.get("id")),
            name: text(function.get("name")).unwrap_or_default(),
            arguments: arguments(function.get("arguments")),
        }]
    }

    fn call_delta(&self, index: u64, message: Option<&Value>) -> Vec<StreamEvent> {
        let number = self.calls.iter().rposition(|known| *known == index);
        let (Some(number), Some((_, function))) = (number, function(message)) else {
            return Vec::new();
        };
        vec![StreamEvent::ToolArguments {
            choice: 0,
            call: u32::try_from(number).unwrap_or(u32::MAX),
            fragment: arguments(function.get("arguments")),
        }]
    }

    fn message_end(&mut self, mut event: Value) -> Vec<StreamEvent> {
        let mut delta = match event.get_mut("delta").map(Value::take) {
            Some(Value::Object(delta)) => delta,
            _ => Map::new(),
        };
        let reason = super::text(&mut delta, "finish_reason");
        let consumed = delta.remove("usage");
        let mut events: Vec<StreamEvent> = consumed
            .and_then(|stated| usage::read(&stated))
            .map(StreamEvent::Usage)
            .into_iter()
            .collect();
        if let Some(reason) = reason
            .as_deref()
            .filter(|reason| finish::is_failure(reason))
        {
            self.failed = true;
            events.push(StreamEvent::Error(error::remote(delta, reason)));
            return events;
        }
        let finish = finish::read(reason.as_deref().unwrap_or("COMPLETE"));
        events.insert(0, StreamEvent::Finish { choice: 0, finish });
        events.push(StreamEvent::End);
        self.ended = true;
        events
    }

    /// An event without a known type: an error, or one of the future.
    fn other(&mut self, event: Value) -> Vec<StreamEvent> {
        let Value::Object(fields) = event else {
            return Vec::new();
        };
        let kind = fields.get("type").and_then(Value::as_str);
        if !error::is_event(kind.unwrap_or_default(), &fields) {
            return Vec::new();
        }
        self.failed = true;
        vec![StreamEvent::Error(error::remote(fields, "ERROR"))]
    }
}

fn start(event: &Value) -> Vec<StreamEvent> {
    let id = event.get("id").and_then(Value::as_str).map(str::to_owned);
    vec![
        StreamEvent::Start {
            id,
            model: None,
            created: None,
            extra: Extra::new(),
        },
        StreamEvent::Role { choice: 0 },
    ]
}

fn content(event: &Value, message: Option<&Value>) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    let content = message.and_then(|message| message.get("content"));
    if let Some(content) = content {
        events.extend(thinking(content.get("thinking")));
        if let Some(text) = content.get("text").and_then(Value::as_str)
            && !text.is_empty()
        {
            events.push(StreamEvent::Text {
                choice: 0,
                text: text.to_owned(),
            });
        }
    }
    let pieces: Vec<Value> = items(event.get("logprobs").cloned())
        .iter()
        .filter_map(logprob)
        .collect();
    if !pieces.is_empty() {
        events.push(StreamEvent::Logprobs {
            choice: 0,
            value: json!({"content": pieces}),
        });
    }
    events
}

fn thinking(value: Option<&Value>) -> Vec<StreamEvent> {
    value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(|text| StreamEvent::Thinking {
            choice: 0,
            text: text.to_owned(),
        })
        .into_iter()
        .collect()
}

fn citations(message: Option<&Value>) -> Vec<StreamEvent> {
    let stated = message.and_then(|message| message.get("citations"));
    items(stated.cloned())
        .iter()
        .flat_map(citation::read)
        .map(|citation| StreamEvent::Citation {
            choice: 0,
            citation,
        })
        .collect()
}

/// A call and its function, in whatever of the two forms: `tool_calls` is an object, or a list of one.
fn function(message: Option<&Value>) -> Option<(&Value, &Value)> {
    let calls = message?.get("tool_calls")?;
    let call = calls
        .as_array()
        .map_or(Some(calls), |calls| calls.first())?;
    Some((call, call.get("function")?))
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
