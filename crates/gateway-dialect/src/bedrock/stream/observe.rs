//! Bytes watched on their way to a client of this dialect. They are forwarded as they came, but message by message, so
//! that an error can still be told when a stream breaks in the middle of one; of the many deltas just the length is taken.

use bytes::{Bytes, BytesMut};
use gateway_schema::CallError;
use gateway_schema::stream::{Decode, Facts, Frame};
use serde::Deserialize;

use super::super::finish;
use super::super::usage::UsageIn;
use super::cut_short;
use super::decode::failure;
use crate::event_stream::{EventStreamScanner, Message};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    stop_reason: Option<String>,
    usage: Option<UsageIn>,
}

#[derive(Deserialize)]
struct SeenDelta<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<std::borrow::Cow<'a, str>>,
    tool_use: Option<ToolUse>,
    reasoning_content: Option<Reasoning>,
}

#[derive(Deserialize)]
struct ToolUse {
    input: Option<String>,
}

#[derive(Deserialize)]
struct Reasoning {
    text: Option<String>,
}

impl Delta<'_> {
    /// The length of its text; `None` when it holds something else.
    fn bytes(&self) -> Option<usize> {
        let tool = self.tool_use.as_ref().and_then(|tool| tool.input.as_ref());
        let thought = self
            .reasoning_content
            .as_ref()
            .and_then(|it| it.text.as_ref());
        self.text
            .as_ref()
            .map(|text| text.len())
            .or_else(|| tool.or(thought).map(String::len))
    }
}

/// Reads the facts of a stream and leaves its bytes alone. One per stream.
#[derive(Debug, Default)]
pub struct StreamObserver {
    scanner: EventStreamScanner,
    /// The beginning of a message that is not there yet as a whole.
    held: BytesMut,
    ended: bool,
    failed: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// What of the bytes so far is whole messages; the rest is held back.
    fn whole_messages(&mut self, mut chunk: Bytes) -> Bytes {
        let pending = self.scanner.pending();
        if self.held.is_empty() {
            let tail = chunk.split_off(chunk.len().saturating_sub(pending));
            self.held.extend_from_slice(&tail);
            return chunk;
        }
        self.held.extend_from_slice(&chunk);
        let whole = self.held.len().saturating_sub(pending);
        self.held.split_to(whole).freeze()
    }

    fn message(&mut self, message: &Message<'_>, facts: &mut Facts) {
        if let Some(error) = failure(message) {
            self.failed = true;
            facts.error = Some(Box::new(error));
            return;
        }
        match message.header(":event-type").unwrap_or_default() {
            "contentBlockDelta" => {
                let seen: Option<SeenDelta<'_>> = serde_json::from_slice(message.payload).ok();
                let bytes = seen.and_then(|seen| seen.delta).and_then(|it| it.bytes());
                facts.count(bytes.unwrap_or(0));
                // A delta without text proves something else: a signature, a citation.
                facts.meaningful |= bytes != Some(0);
            }
            "contentBlockStart" => facts.meaningful = true,
            name @ ("messageStop" | "metadata") => {
                // What cannot be read states no facts; the client sees the bytes in any case.
                if let Ok(seen) = serde_json::from_slice::<Seen>(message.payload) {
                    if seen.stop_reason.is_some() {
                        facts.finish = Some(finish::read(seen.stop_reason).reason);
                    }
                    if let Some(usage) = seen.usage {
                        facts.usage = Some(Box::new(usage.into_usage()));
                    }
                }
                facts.meaningful = true;
                if name == "metadata" {
                    self.ended = true;
                    facts.ended = true;
                }
            }
            _ => {}
        }
    }
}

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut facts = Facts::default();
        let scanned = scanner.feed(&chunk, |message| self.message(&message, &mut facts));
        self.scanner = scanner;
        scanned?;
        let whole = self.whole_messages(chunk);
        if !whole.is_empty() {
            out.push(Frame::raw(whole, facts));
        }
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
