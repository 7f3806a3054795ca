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
use crate::sse::{self, Reader, SseEvent, Watch};

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
    crate::generated::count(text, &mut facts);
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
pub struct StreamObserver(Watch<Events>);

#[derive(Debug, Default)]
struct Events {
    complete: bool,
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
        if Self::is_word(data) {
            if self.complete {
                self.ended = true;
                facts.ended = true;
            }
            return;
        }
        match event.name.or_else(|| kind_of(data)).unwrap_or_default() {
            "content-delta" | "tool-plan-delta" | "tool-call-delta" => {
                let bytes = sse::text_length(data, &["text", "thinking", "tool_plan", "arguments"]);
                facts.count(bytes.unwrap_or(0));
                facts.meaningful |= bytes != Some(0);
            }
            "tool-call-start" | "citation-start" => facts.meaningful = true,
            "content-start" | "content-end" | "tool-call-end" | "citation-end" => {}
            _ => self.read(data, facts),
        }
    }

    fn is_over(&self) -> bool {
        self.ended
    }

    fn is_word(data: &[u8]) -> bool {
        data.trim_ascii() == b"[DONE]"
    }

    fn end(&mut self, facts: &mut Facts) -> Result<(), CallError> {
        if self.complete && !self.ended {
            self.ended = true;
            facts.ended = true;
        }
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

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.feed(&chunk, out)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.end(out)
    }
}
