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
use crate::sse::{self, Held, SseScanner};

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
pub struct StreamObserver {
    scanner: SseScanner,
    held: Held,
    usage: Usage,
    ended: bool,
    failed: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn event(&mut self, name: Option<&str>, data: &[u8], facts: &mut Facts) {
        match name.or_else(|| kind_of(data)).unwrap_or_default() {
            "content_block_delta" => {
                let bytes = ["text", "thinking", "partial_json"]
                    .iter()
                    .find_map(|field| text_length(data, field));
                facts.content_events = facts.content_events.saturating_add(1);
                facts.text_bytes = facts
                    .text_bytes
                    .saturating_add(u32::try_from(bytes.unwrap_or(0)).unwrap_or(u32::MAX));
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

/// The length of the text of a field, escapes counted as they stand.
fn text_length(data: &[u8], field: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = data.get(from..)?;
        let at = memmem::find(rest, field.as_bytes())?;
        from += at + field.len();
        let is_key = at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'"');
        let after = data.get(from..)?;
        let Some(value) = after.strip_prefix(b"\"").filter(|_| is_key) else {
            continue;
        };
        let Some(value) = value.trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let Some(value) = value.trim_ascii_start().strip_prefix(b"\"") else {
            continue;
        };
        return Some(closing_quote(value));
    }
}

fn closing_quote(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if text.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    text.len()
}

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut facts = Facts::default();
        let mut malformed = None;
        let scanned = scanner.feed(&chunk, |event| {
            if malformed.is_some() {
            } else if self.ended || sse::may_be_object(event.data) {
                self.event(event.name, event.data, &mut facts);
            } else {
                malformed = Some(event.start);
            }
        });
        self.scanner = scanner;
        let tail = scanned?;
        if let Some(start) = malformed {
            // What came before the event is good.
            let good = start.map_or_else(Bytes::new, |start| self.held.pass(&chunk, start));
            out.push(Frame::raw(good, facts));
            return Err(sse::malformed());
        }
        let bytes = self.held.pass(&chunk, tail);
        if !bytes.is_empty() || facts != Facts::default() {
            out.push(Frame::raw(bytes, facts));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut facts = Facts::default();
        let mut is_half = false;
        scanner.finish(|event| {
            // What the connection's end cut short is no event, whatever it began to say.
            is_half = !sse::is_whole(event.data);
            if !is_half {
                self.event(event.name, event.data, &mut facts);
            }
        });
        let mut rest = self.held.take();
        if is_half {
            rest.clear();
        }
        if !rest.is_empty() || facts != Facts::default() {
            out.push(Frame::raw(rest, facts));
        }
        if self.ended || self.failed {
            Ok(())
        } else {
            Err(cut_short())
        }
    }
}
