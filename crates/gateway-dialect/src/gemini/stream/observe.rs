//! Bytes watched on their way to a client of this dialect. They are forwarded as they came, chunk by chunk.

use std::borrow::Cow;

use bytes::Bytes;
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{CallError, Usage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{error, finish, usage};
use super::cut_short;
use super::source::Source;
use crate::node::Node;
use crate::sse;

/// What of a piece is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    response_id: Option<String>,
    model_version: Option<String>,
    #[serde(borrow)]
    candidates: Option<Vec<SeenCandidate<'a>>>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
    prompt_feedback: Option<Feedback>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenCandidate<'a> {
    #[serde(borrow)]
    content: Option<SeenContent<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    index: Option<u32>,
}

#[derive(Deserialize)]
struct SeenContent<'a> {
    #[serde(borrow)]
    parts: Option<Vec<SeenPart<'a>>>,
}

#[expect(
    clippy::zero_sized_map_values,
    reason = "only a map can take the fields that are left over"
)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenPart<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    thought_signature: Option<IgnoredAny>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(flatten)]
    other: std::collections::BTreeMap<Cow<'a, str>, IgnoredAny>,
}

/// Reads the facts of a stream and leaves its bytes alone. One per stream.
#[derive(Debug, Default)]
pub struct StreamObserver {
    source: Source,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    usage: Usage,
    started: bool,
    has_calls: bool,
    finished: bool,
    failed: bool,
    malformed: bool,
}

impl StreamObserver {
    /// An observer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl State {
    fn piece(&mut self, data: &[u8], facts: &mut Facts) {
        // JSON of another shape states no facts; the client sees the bytes in any case.
        let Ok(seen) = serde_json::from_slice::<Seen<'_>>(data) else {
            self.malformed |= data.trim_ascii() != b"[DONE]" && !sse::is_whole(data);
            return;
        };
        if self.malformed {
            return;
        }
        if let Some(error) = seen.error {
            self.failed = true;
            facts.error = Some(Box::new(error::remote(&error)));
            return;
        }
        if !std::mem::replace(&mut self.started, true) {
            facts.id = seen.response_id;
            facts.model = seen.model_version;
        }
        let candidates = seen.candidates.unwrap_or_default();
        let blocked = seen
            .prompt_feedback
            .and_then(|feedback| feedback.block_reason)
            .filter(|_| candidates.is_empty());
        for candidate in candidates {
            self.candidate(candidate, facts);
        }
        if blocked.is_some() {
            self.finish(FinishReason::ContentFilter, facts);
        }
        if let Some(found) = seen.usage_metadata.and_then(node).and_then(usage::read) {
            self.usage.update(found);
            facts.usage = Some(Box::new(self.usage.clone()));
        }
    }

    fn candidate(&mut self, candidate: SeenCandidate<'_>, facts: &mut Facts) {
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.unwrap_or_default() {
            let text = part
                .text
                .map_or(0, |text| text.get().len().saturating_sub(2));
            let call = part.function_call.map_or(0, |call| call.get().len());
            self.has_calls |= call > 0 && candidate.index.unwrap_or(0) == 0;
            facts.count(text.saturating_add(call));
            facts.meaningful |= text > 0
                || call > 0
                || part.thought_signature.is_some()
                || part.other.keys().any(|key| key != "thought");
        }
        if let Some(word) = candidate
            .finish_reason
            .and_then(node)
            .as_ref()
            .and_then(finish::word)
        {
            self.finish(finish::read(word, self.has_calls).reason, facts);
        }
    }

    fn finish(&mut self, reason: FinishReason, facts: &mut Facts) {
        self.finished = true;
        facts.finish = Some(reason);
        facts.meaningful = true;
    }
}

fn node(raw: &RawValue) -> Option<Node<'_>> {
    serde_json::from_str(raw.get()).ok()
}

impl Decode for StreamObserver {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut facts = Facts::default();
        let state = &mut self.state;
        let fed = self
            .source
            .feed(&chunk, |piece| state.piece(piece, &mut facts));
        if state.malformed {
            out.push(Frame::raw(Bytes::new(), facts));
            return Err(sse::malformed());
        }
        out.push(Frame::raw(chunk, facts));
        fed
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut facts = Facts::default();
        let state = &mut self.state;
        let finished = self.source.finish(|piece| state.piece(piece, &mut facts));
        if self.state.failed {
            if facts != Facts::default() {
                out.push(Frame::raw(Bytes::new(), facts));
            }
            return Ok(());
        }
        finished?;
        if !self.state.finished {
            return Err(cut_short());
        }
        facts.ended = true;
        facts.meaningful = true;
        out.push(Frame::raw(Bytes::new(), facts));
        Ok(())
    }
}
