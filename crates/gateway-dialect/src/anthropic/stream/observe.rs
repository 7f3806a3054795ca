//! Bytes watched on their way to a client of this dialect.
//!
//! They are forwarded as they came, whole event by whole event. Only `message_start`, `message_delta` and `error` are parsed; of the
//! many deltas between them just the length of their text is taken.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{CallError, Usage};
use memchr::memmem;
use serde::Deserialize;

use super::super::error::ErrorIn;
use super::super::finish;
use super::super::usage::UsageIn;
use super::cut_short;
use crate::sse::{self, Reader, SseEvent, Watch};

#[derive(Deserialize)]
struct Seen {
    message: Option<SeenMessage>,
    delta: Option<SeenDelta>,
    usage: Option<UsageIn>,
    error: Option<ErrorIn>,
}

#[derive(Deserialize)]
struct SeenMessage {
    id: Option<String>,
    model: Option<String>,
    usage: Option<UsageIn>,
}

#[derive(Deserialize)]
struct SeenDelta {
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

/// The kinds of events, as `"type"` spells them in every event.
const KINDS: [(&str, &[u8]); 8] = [
    ("content_block_delta", b"\"content_block_delta\""),
    ("content_block_start", b"\"content_block_start\""),
    ("content_block_stop", b"\"content_block_stop\""),
    ("message_start", b"\"message_start\""),
    ("message_delta", b"\"message_delta\""),
    ("message_stop", b"\"message_stop\""),
    ("ping", b"\"ping\""),
    ("error", b"\"error\""),
];

/// Reads the facts of a stream and leaves its bytes alone. One per stream.
#[derive(Debug, Default)]
pub struct StreamObserver(Watch<Events>);

#[derive(Debug, Default)]
struct Events {
    usage: Usage,
    ended: bool,
    failed: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Reader for Events {
    fn event(&mut self, event: &SseEvent<'_>, facts: &mut Facts) {
        let data = event.data;
        match event.name.or_else(|| kind_of(data)).unwrap_or_default() {
            "content_block_delta" => {
                let bytes = sse::text_length(data, &["text", "thinking", "partial_json"]);
                facts.count(bytes.unwrap_or(0));
                // A delta without text proves something else: a signature, a citation.
                facts.meaningful |= bytes != Some(0);
            }
            "content_block_start" => {
                let is_empty = ["\"text\"", "\"thinking\""]
                    .iter()
                    .any(|kind| memmem::find(data, kind.as_bytes()).is_some());
                facts.meaningful |= !is_empty;
            }
            "message_start" | "message_delta" | "error" => self.read(data, facts),
            "message_stop" => {
                self.ended = true;
                facts.ended = true;
                facts.meaningful = true;
            }
            _ => {}
        }
    }

    fn is_over(&self) -> bool {
        self.ended
    }

    fn end(&mut self, _facts: &mut Facts) -> Result<(), CallError> {
        if self.ended || self.failed {
            Ok(())
        } else {
            Err(cut_short())
        }
    }
}

impl Events {
    fn read(&mut self, data: &[u8], facts: &mut Facts) {
        // What cannot be read states no facts; the client sees the bytes in any case.
        let Ok(seen) = serde_json::from_slice::<Seen>(data) else {
            return;
        };
        let usage = match seen.message {
            Some(message) => {
                facts.id = message.id;
                facts.model = message.model;
                message.usage
            }
            None => seen.usage,
        };
        if let Some(usage) = usage {
            self.usage.update(usage.into_usage());
            facts.usage = Some(Box::new(self.usage.clone()));
        }
        if let Some(delta) = seen.delta
            && delta.stop_reason.is_some()
        {
            facts.finish = Some(finish::read(delta.stop_reason, delta.stop_sequence).reason);
            facts.meaningful = true;
        }
        if let Some(error) = seen.error {
            self.failed = true;
            facts.error = Some(Box::new(error.into_remote()));
        }
    }
}

/// The kind of an event that has no `event` line.
fn kind_of(data: &[u8]) -> Option<&'static str> {
    // Quotes inside of text are escaped, so a name between quotes is a name. `error` may also be a key.
    KINDS
        .iter()
        .find(|(_, quoted)| memmem::find(data, quoted).is_some())
        .map(|(kind, _)| *kind)
}

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.feed(&chunk, out)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.end(out)
    }
}
