//! Streams of the first version: lines of JSON.

use bytes::Bytes;
use gateway_schema::chat::{Finish, FinishReason, StreamEvent};
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, Extra, Usage};
use serde_json::{Map, Value};

use super::super::stream::cut_short;
use super::super::{error, text, unreadable};
use super::reply::{consumed, id, is_failure};
use crate::lines::{Lines, ReadLines};

/// Reads a stream of `/v1/chat` or `/v1/generate`. One per stream.
///
/// Every event states usage, empty until the end, and the finish reason in Cohere's word: so does MLflow.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    lines: Lines,
    ended: bool,
    failed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn event(&mut self, mut fields: Map<String, Value>) -> Vec<StreamEvent> {
        let choice = 0;
        let said = text(&mut fields, "text");
        let is_end = fields.get("is_finished") == Some(&Value::Bool(true));
        if is_end {
            return self.finish(said, fields);
        }
        if let Some(text) = said {
            return vec![
                StreamEvent::Usage(Usage::default()),
                StreamEvent::Text { choice, text },
            ];
        }
        if fields.get("message").is_some_and(Value::is_string) {
            self.failed = true;
            return vec![StreamEvent::Error(error::remote(fields, "ERROR"))];
        }
        Vec::new()
    }

    fn finish(&mut self, said: Option<String>, mut fields: Map<String, Value>) -> Vec<StreamEvent> {
        let choice = 0;
        let reason = text(&mut fields, "finish_reason");
        if let Some(reason) = reason.as_deref().filter(|reason| is_failure(reason)) {
            self.failed = true;
            return vec![StreamEvent::Error(error::remote(fields, reason))];
        }
        self.ended = true;
        let mut events = Vec::new();
        let response = fields.get("response").and_then(Value::as_object);
        if let Some(id) = response.and_then(id) {
            events.push(StreamEvent::Start {
                id: Some(id),
                model: None,
                created: None,
                extra: Extra::new(),
            });
        }
        events.extend(said.map(|text| StreamEvent::Text { choice, text }));
        let word = reason.unwrap_or_else(|| "COMPLETE".to_owned());
        // MLflow hands Cohere's own word on.
        let finish = Finish::with_raw(FinishReason::Other, word);
        events.push(StreamEvent::Finish { choice, finish });
        let usage = response.and_then(consumed).unwrap_or_default();
        events.push(StreamEvent::Usage(usage));
        events.push(StreamEvent::End);
        events
    }
}

impl ReadLines for StreamDecoder {
    fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<Frame>) -> Result<(), CallError> {
        let line = line.trim_ascii();
        if line.is_empty() || self.is_over() {
            return Ok(());
        }
        match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => {
                Frame::push_events(self.event(fields), out);
                Ok(())
            }
            Ok(_) => Err(unreadable("stream", "a line is no object")),
            Err(error) => Err(unreadable("stream", error)),
        }
    }

    fn is_over(&self) -> bool {
        self.ended || self.failed
    }
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.feed_lines(&chunk, out)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.end_lines(out, cut_short())
    }
}
