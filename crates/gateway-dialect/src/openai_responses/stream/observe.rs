//! Bytes watched on their way to a client of this dialect.
//!
//! They are forwarded as they came, whole event by whole event. Only the events that begin or end a reply are parsed; of the many
//! deltas between them just the length of their text is taken.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind};
use serde::Deserialize;
use serde_json::Value;

use super::super::glance::Glance;
use crate::failure::{self, ErrorDetails};
use crate::sse::{self, Reader, SseEvent, Watch};

/// How much of a document that calls itself a stream is kept.
const MAX_PLAIN_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Seen {
    response: Option<Glance>,
}

/// The kind of an event without an `event` line.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
}

/// Reads the facts of a stream and leaves its bytes alone. One per stream.
#[derive(Debug, Default)]
pub struct StreamObserver(Watch<Events>);

#[derive(Debug, Default)]
struct Events {
    ended: bool,
    failed: bool,
    /// The beginning, while it may be a plain document.
    plain: Option<Vec<u8>>,
    is_begun: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Reader for Events {
    fn event(&mut self, event: &SseEvent<'_>, facts: &mut Facts) {
        if self.is_over() {
            return;
        }
        let data = event.data;
        match event.name {
            Some(name) => self.named(name, data, facts),
            None => {
                if let Ok(Kind { kind }) = serde_json::from_slice(data) {
                    self.named(&kind, data, facts);
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.ended || self.failed
    }

    fn end(&mut self, _facts: &mut Facts) -> Result<(), CallError> {
        if self.is_over() {
            Ok(())
        } else {
            Err(self.cut_short())
        }
    }
}

impl Events {
    fn named(&mut self, name: &str, data: &[u8], facts: &mut Facts) {
        match name {
            "response.created" => {
                if let Some(glance) = read(data) {
                    let seen = glance.facts();
                    facts.id = seen.id;
                    facts.model = seen.model;
                }
            }
            "response.completed" | "response.incomplete" => {
                self.ended = true;
                facts.ended = true;
                facts.meaningful = true;
                if let Some(glance) = read(data) {
                    let seen = glance.facts();
                    facts.finish = seen.finish;
                    facts.usage = seen.usage;
                    facts.model = facts.model.take().or(seen.model);
                }
            }
            "response.failed" => {
                self.failed = true;
                let glance = read(data).unwrap_or_default();
                let error = glance
                    .failure()
                    .unwrap_or_else(|| ErrorDetails::default().into());
                facts.usage = glance.facts().usage;
                facts.error = Some(Box::new(error));
            }
            "error" => {
                self.failed = true;
                let said = serde_json::from_slice::<Value>(data)
                    .map(|value| ErrorDetails::from_value(&value))
                    .unwrap_or_default();
                facts.error = Some(Box::new(said.into()));
            }
            "response.output_item.added" | "response.output_item.done" => facts.meaningful = true,
            _ if name.strip_suffix(".delta").is_some() => {
                facts.meaningful = true;
                facts.count(sse::text_length(data, &["delta"]).unwrap_or(0));
            }
            _ => {}
        }
    }

    /// Keeps a body that begins like a document: some servers answer so when they fail.
    fn keep(&mut self, chunk: &[u8]) {
        if !self.is_begun {
            let Some(first) = chunk.trim_ascii_start().first() else {
                return;
            };
            self.is_begun = true;
            self.plain = (*first == b'{').then(Vec::new);
        }
        if let Some(plain) = &mut self.plain {
            let room = MAX_PLAIN_BYTES.saturating_sub(plain.len()).min(chunk.len());
            plain.extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
    }

    fn cut_short(&self) -> CallError {
        if let Some(plain) = &self.plain {
            let said = ErrorDetails::read(None, plain);
            if said.message.is_some() {
                return failure::error_within(Dialect::OPENAI_RESPONSES, &said.into());
            }
        }
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's stream stopped before its end.",
        )
    }
}

fn read(data: &[u8]) -> Option<Glance> {
    serde_json::from_slice::<Seen>(data).ok()?.response
}

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.reader.keep(&chunk);
        self.0.feed(&chunk, out)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.0.end(out)
    }
}
