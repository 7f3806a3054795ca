//! Streams: server-sent events, or lines of JSON; a token in each.

use bytes::Bytes;
use gateway_schema::chat::{RemoteError, StreamEvent};
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, ErrorKind};
use serde_json::Value;

use super::{begun, finish, unreadable, usage, without_stop};
use crate::lines::{Lines, ReadLines};

/// Reads a stream. One per stream.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    lines: Lines,
    /// The stop sequences of the request: the server sends the one it met.
    stops: Vec<String>,
    /// Text that may yet turn out to be a stop sequence.
    held: String,
    started: bool,
    ended: bool,
    failed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream whose request has these stop sequences.
    pub fn new(stops: Vec<String>) -> Self {
        Self {
            stops,
            ..Self::default()
        }
    }

    fn event(&mut self, event: &Value) -> Vec<StreamEvent> {
        let choice = 0;
        if let Some(error) = event.get("error").and_then(Value::as_str) {
            self.failed = true;
            let kind = event.get("error_type").and_then(Value::as_str);
            let mut told = RemoteError::default();
            error.clone_into(&mut told.message);
            told.error_type = kind.map(str::to_owned);
            return vec![StreamEvent::Error(told)];
        }
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.started, true) {
            events.push(StreamEvent::start());
        }
        let token = event.get("token").unwrap_or(&Value::Null);
        let is_special = token.get("special") == Some(&Value::Bool(true));
        let text = token.get("text").and_then(Value::as_str);
        if let Some(text) = text.filter(|_| !is_special) {
            self.held.push_str(text);
        }
        let details = event.get("details").unwrap_or(&Value::Null);
        let is_last =
            event.get("generated_text").is_some_and(Value::is_string) || details.is_object();
        let text = if is_last {
            let held = std::mem::take(&mut self.held);
            without_stop(&held, finish(details).as_ref(), &self.stops).to_owned()
        } else {
            let keep = begun(&self.held, &self.stops);
            let rest = self.held.split_off(self.held.len() - keep);
            std::mem::replace(&mut self.held, rest)
        };
        if !text.is_empty() {
            events.push(StreamEvent::Text { choice, text });
        }
        if is_last {
            let finish = finish(details);
            events.extend(finish.map(|finish| StreamEvent::Finish { choice, finish }));
            events.extend(usage(details).map(StreamEvent::Usage));
            events.push(StreamEvent::End);
            self.ended = true;
        }
        events
    }
}

impl ReadLines for StreamDecoder {
    fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<Frame>) -> Result<(), CallError> {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
        let is_field = [&b":"[..], b"event:", b"id:", b"retry:"]
            .iter()
            .any(|start| line.starts_with(start));
        if line.is_empty() || line == b"[DONE]" || is_field || self.is_over() {
            return Ok(());
        }
        let event: Value =
            serde_json::from_slice(line).map_err(|error| unreadable("stream", error))?;
        let events = self.event(&event);
        Frame::push_events(events, out);
        Ok(())
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
        let cut_short = CallError::upstream(
            ErrorKind::Upstream,
            "The provider's stream ended before the answer was complete.",
        )
        .with_code("stream_cut");
        self.end_lines(out, cut_short)
    }
}
