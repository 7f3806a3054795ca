//! Answers on their way to a client of this dialect: forwarded as they came, and looked at.
//!
//! Of a stream only `message-start`, `message-end` and errors are parsed; of the many deltas between them just the
//! length of their text is taken.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{CallError, Dialect, Usage};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::stream::cut_short;
use super::{error, finish, object, unreadable, usage};
use crate::sse::{self, Held, SseScanner};

#[derive(Deserialize)]
struct Whole<'a> {
    id: Option<String>,
    finish_reason: Option<String>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    usage: Option<Value>,
    meta: Option<Value>,
}

/// Reads the facts of a whole answer: of chat, vectors or ranks.
///
/// # Errors
/// Of origin upstream: an error in place of an answer, an answer that failed, or something that is none.
pub fn observe(body: &[u8]) -> Result<Facts, CallError> {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let whole: Whole<'_> =
        serde_json::from_slice(text).map_err(|error| unreadable("answer", error))?;
    let reason = whole.finish_reason.as_deref();
    if let Some(reason) = reason.filter(|reason| finish::is_failure(reason)) {
        let error = error::remote(object(body)?, reason);
        return Err(crate::failure::error_within(Dialect::COHERE, &error));
    }
    let begins =
        |raw: Option<&RawValue>, with: &[char]| raw.is_some_and(|raw| raw.get().starts_with(with));
    let is_answer = begins(whole.message, &['{'])
        || begins(whole.embeddings, &['{', '['])
        || begins(whole.results, &['[']);
    if !is_answer {
        if begins(whole.message, &['"']) {
            return Err(error::inside_good_status(object(body)?));
        }
        return Err(unreadable(
            "answer",
            "it has no message, embeddings or results",
        ));
    }
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.finish = reason.map(|reason| finish::read(reason).reason);
    let stated = whole.usage.as_ref().or(whole.meta.as_ref());
    facts.usage = stated.and_then(usage::read).map(Box::new);
    facts.id = whole.id;
    Ok(facts)
}

/// The kinds of events, as `"type"` spells them in every event.
const KINDS: [&str; 11] = [
    "content-delta",
    "tool-call-delta",
    "tool-plan-delta",
    "content-start",
    "content-end",
    "tool-call-start",
    "tool-call-end",
    "citation-start",
    "citation-end",
    "message-start",
    "message-end",
];

/// Reads the facts of a stream and leaves its bytes alone. One per stream.
///
/// `message-end` completes an answer; the end is what comes after it, `[DONE]` or the end of the body.
#[derive(Debug, Default)]
pub struct StreamObserver {
    scanner: SseScanner,
    held: Held,
    complete: bool,
    ended: bool,
    failed: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn event(&mut self, name: Option<&str>, data: &[u8], facts: &mut Facts) {
        if data.trim_ascii() == b"[DONE]" {
            if self.complete {
                self.ended = true;
                facts.ended = true;
            }
            return;
        }
        match name.or_else(|| kind_of(data)).unwrap_or_default() {
            "content-delta" | "tool-plan-delta" | "tool-call-delta" => {
                let bytes = ["text", "thinking", "tool_plan", "arguments"]
                    .iter()
                    .find_map(|field| text_length(data, field));
                facts.content_events = facts.content_events.saturating_add(1);
                facts.text_bytes = facts
                    .text_bytes
                    .saturating_add(u32::try_from(bytes.unwrap_or(0)).unwrap_or(u32::MAX));
                facts.meaningful |= bytes != Some(0);
            }
            "tool-call-start" | "citation-start" => facts.meaningful = true,
            "content-start" | "content-end" | "tool-call-end" | "citation-end" => {}
            _ => self.read(data, facts),
        }
    }

    fn read(&mut self, data: &[u8], facts: &mut Facts) {
        // What cannot be read states no facts; the client sees the bytes in any case.
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(data) else {
            return;
        };
        let kind = super::text(&mut fields, "type").unwrap_or_default();
        match kind.as_str() {
            "message-start" => facts.id = super::text(&mut fields, "id"),
            "message-end" => match fields.remove("delta") {
                Some(Value::Object(delta)) => self.message_end(delta, facts),
                _ => self.message_end(Map::new(), facts),
            },
            _ if error::is_event(&kind, &fields) => {
                self.failed = true;
                facts.error = Some(Box::new(error::remote(fields, "ERROR")));
            }
            _ => {}
        }
    }

    fn message_end(&mut self, mut delta: Map<String, Value>, facts: &mut Facts) {
        let reason = super::text(&mut delta, "finish_reason");
        let used: Option<Usage> = delta
            .remove("usage")
            .and_then(|stated| usage::read(&stated));
        facts.usage = used.map(Box::new);
        if let Some(reason) = reason
            .as_deref()
            .filter(|reason| finish::is_failure(reason))
        {
            self.failed = true;
            facts.error = Some(Box::new(error::remote(delta, reason)));
            return;
        }
        self.complete = true;
        facts.finish = Some(finish::read(reason.as_deref().unwrap_or("COMPLETE")).reason);
        facts.meaningful = true;
    }
}

/// The kind of an event that has no `event` line.
fn kind_of(data: &[u8]) -> Option<&'static str> {
    // Quotes inside of text are escaped, so a name between quotes is a name.
    KINDS.into_iter().find(|kind| {
        memmem::find_iter(data, kind.as_bytes()).any(|at| {
            let before = at.checked_sub(1).and_then(|before| data.get(before));
            before == Some(&b'"') && data.get(at + kind.len()) == Some(&b'"')
        })
    })
}

/// The length of the text of a field, escapes counted as they stand.
fn text_length(data: &[u8], field: &str) -> Option<usize> {
    memmem::find_iter(data, field.as_bytes()).find_map(|at| {
        let before = at.checked_sub(1).and_then(|before| data.get(before))?;
        let after = data.get(at + field.len()..)?.strip_prefix(b"\"")?;
        let value = after.trim_ascii_start().strip_prefix(b":")?;
        let value = value.trim_ascii_start().strip_prefix(b"\"")?;
        (*before == b'"').then(|| closing_quote(value))
    })
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
            let data = event.data.trim_ascii();
            if malformed.is_some() {
            } else if self.ended || data == b"[DONE]" || sse::may_be_object(data) {
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
            is_half = event.data.trim_ascii() != b"[DONE]" && !sse::is_whole(event.data);
            if !is_half {
                self.event(event.name, event.data, &mut facts);
            }
        });
        let mut rest = self.held.take();
        if is_half {
            rest.clear();
        }
        if self.complete && !self.ended {
            self.ended = true;
            facts.ended = true;
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
