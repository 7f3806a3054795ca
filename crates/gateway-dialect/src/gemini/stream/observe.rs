//! Bytes watched on their way to a client of this dialect. They are forwarded as they came, whole piece by whole piece.

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
use crate::sse::{self, Held};

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
    held: Held,
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
        let mut bad = None;
        let tail = self.source.feed(&chunk, |piece, start| {
            let was_good = !state.malformed;
            state.piece(piece, &mut facts);
            if was_good && state.malformed {
                bad = Some(start);
            }
        })?;
        if state.malformed {
            // What came before the piece is good.
            let good = bad
                .flatten()
                .map_or_else(Bytes::new, |start| self.held.pass(&chunk, start));
            out.push(Frame::raw(good, facts));
            return Err(sse::malformed());
        }
        let whole = self.held.pass(&chunk, tail);
        if !whole.is_empty() || facts != Facts::default() {
            out.push(Frame::raw(whole, facts));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut facts = Facts::default();
        let state = &mut self.state;
        let mut is_half = false;
        let finished = self.source.finish(|piece| {
            // What the connection's end cut short is no piece, whatever it began to say.
            is_half = piece.trim_ascii() != b"[DONE]" && !sse::is_whole(piece);
            if !is_half {
                state.piece(piece, &mut facts);
            }
        });
        let mut rest = self.held.take();
        if is_half || finished.is_err() {
            rest.clear();
        }
        if self.state.failed {
            if !rest.is_empty() || facts != Facts::default() {
                out.push(Frame::raw(rest, facts));
            }
            return Ok(());
        }
        if finished.is_err() || !self.state.finished {
            if !rest.is_empty() {
                out.push(Frame::raw(rest, facts));
            }
            return Err(cut_short());
        }
        facts.ended = true;
        facts.meaningful = true;
        out.push(Frame::raw(rest, facts));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What leaves of `text`, which comes in two pieces and breaks off.
    fn left(text: &[u8], cut: usize) -> Vec<u8> {
        let mut observer = StreamObserver::new();
        let mut frames = Vec::new();
        for piece in [&text[..cut], &text[cut..]] {
            observer
                .feed(Bytes::copy_from_slice(piece), &mut frames)
                .unwrap();
        }
        let raw = frames.into_iter().map(|frame| match frame.data {
            gateway_schema::stream::FrameData::Raw(bytes) => bytes,
            gateway_schema::stream::FrameData::Events(_) => Bytes::new(),
        });
        raw.flatten().collect()
    }

    #[test]
    fn of_a_piece_that_is_cut_off_no_half_leaves_in_either_framing() {
        let piece = r#"{"candidates":[{"content":{"parts":[{"text":"}],[{"}]}}]}"#;
        for text in [
            format!("data: {piece}\r\n\r\ndata: {piece}\r\n\r\n"),
            format!("\ndata: {piece}\n\ndata: {piece}\n\n"),
            format!("[{piece}\n,\r\n{piece}"),
        ] {
            for end in 0..=text.len() {
                for cut in [0, end / 3, end.saturating_sub(1)] {
                    let left = left(&text.as_bytes()[..end], cut);
                    assert!(text.as_bytes().starts_with(&left), "{end} {cut}");
                    let shown = String::from_utf8_lossy(&left);
                    let is_whole = shown.trim_end().ends_with("}]}}]}");
                    assert!(left.is_empty() || is_whole, "{end} {cut}: {shown}");
                }
            }
            assert_eq!(left(text.as_bytes(), 7), text.as_bytes());
        }
    }
}
