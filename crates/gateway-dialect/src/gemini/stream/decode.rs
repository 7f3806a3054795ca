//! Streams in.
//!
//! There is no terminator: an answer is complete when a reason of its end was stated and the body ends cleanly.

use bytes::Bytes;
use gateway_schema::chat::{Content, Part, StreamEvent};
use gateway_schema::stream::{Decode, Facts, Frame, FrameData};
use gateway_schema::{CallError, Dialect, Extra, Losses, Mapping};
use serde_json::{Map, Value, json};

use super::super::finish;
use super::super::model::Traits;
use super::super::part::{PartWriter, Side};
use super::super::reply::{Candidate, read};
use super::cut_short;
use super::source::Source;
use crate::node;

/// Reads a stream of `streamGenerateContent`. One per stream.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    source: Source,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    /// What the pieces say of the whole reply besides.
    extra: Map<String, Value>,
    /// How many calls each answer has made.
    calls: Vec<(u32, u32)>,
    finished: bool,
    failed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl State {
    /// Reads one piece.
    fn piece(&mut self, data: &[u8]) -> Result<Vec<StreamEvent>, CallError> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(Vec::new());
        }
        let reply = read(node::answer(data)?);
        let mut events = Vec::new();
        if let Some(error) = reply.error {
            self.failed = true;
            return Ok(vec![StreamEvent::Error(error)]);
        }
        let is_new = reply
            .extra
            .iter()
            .any(|(key, value)| self.extra.get(key) != Some(value));
        if !std::mem::replace(&mut self.started, true) || is_new {
            self.extra.extend(reply.extra);
            events.push(StreamEvent::Start {
                id: reply.id,
                model: reply.model,
                created: None,
                extra: Extra::of(Dialect::GEMINI, self.extra.clone()),
            });
        }
        let is_empty = reply.candidates.is_empty();
        for candidate in reply.candidates {
            self.candidate(candidate, &mut events);
        }
        if let Some(reason) = reply.blocked
            && is_empty
        {
            self.finished = true;
            events.push(StreamEvent::Finish {
                choice: 0,
                finish: finish::blocked(&reason),
            });
        }
        events.extend(reply.usage.map(StreamEvent::Usage));
        Ok(events)
    }

    fn candidate(&mut self, candidate: Candidate, events: &mut Vec<StreamEvent>) {
        let choice = candidate.index;
        if candidate.has_content {
            events.push(StreamEvent::Role { choice });
        }
        for part in candidate.parts {
            self.part(choice, part, events);
        }
        for citation in candidate.citations {
            events.push(StreamEvent::Citation { choice, citation });
        }
        if let Some(value) = candidate.logprobs {
            events.push(StreamEvent::Logprobs { choice, value });
        }
        if !candidate.extra.is_empty() {
            events.push(StreamEvent::Opaque {
                choice,
                dialect: Dialect::GEMINI,
                value: json!({ "candidate": candidate.extra }),
            });
        }
        if let Some(word) = candidate.finish {
            self.finished = true;
            let has_calls = self.calls.iter().any(|(known, _)| *known == choice);
            events.push(StreamEvent::Finish {
                choice,
                finish: finish::read(word, has_calls),
            });
        }
    }

    fn part(&mut self, choice: u32, part: Part, events: &mut Vec<StreamEvent>) {
        let event = match part.content {
            Content::Text { text, .. } => StreamEvent::Text { choice, text },
            Content::Thinking { text, .. } => StreamEvent::Thinking { choice, text },
            Content::ToolCall(call) => StreamEvent::ToolCall {
                choice,
                call: self.next_call(choice),
                id: call.id,
                name: call.name,
                arguments: call.arguments,
            },
            Content::Opaque { dialect, value } => StreamEvent::Opaque {
                choice,
                dialect,
                value,
            },
            content => StreamEvent::Part {
                choice,
                content: Box::new(content),
            },
        };
        events.push(event);
        if let Some(signature) = part.signature {
            events.push(StreamEvent::Signature { choice, signature });
        }
    }

    fn next_call(&mut self, choice: u32) -> u32 {
        if let Some((_, made)) = self.calls.iter_mut().find(|(known, _)| *known == choice) {
            let call = *made;
            *made = made.saturating_add(1);
            return call;
        }
        self.calls.push((choice, 1));
        0
    }
}

/// A part as the API writes it; null when it has no form.
pub(super) fn raw(part: &Part) -> Value {
    let mut losses = Losses::new();
    let mut writer = PartWriter {
        losses: &mut losses,
        traits: Traits::default(),
        mapping: Mapping::Faithful,
        side: Side::Reply,
        ids: true,
    };
    let mut out = Vec::new();
    // In a reply nothing fails but the result of a function, which no reply holds.
    let _ = writer.write(part, &String::new, &|_| None, &mut out);
    out.first()
        .and_then(|part| serde_json::to_value(part).ok())
        .unwrap_or_default()
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut result = Ok(());
        let state = &mut self.state;
        let fed = self.source.feed(&chunk, |piece, _| {
            if result.is_ok() {
                result = state
                    .piece(piece)
                    .map(|events| Frame::push_events(events, out));
            }
        });
        result?;
        fed?;
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut result = Ok(());
        let state = &mut self.state;
        let finished = self.source.finish(|piece| {
            result = state
                .piece(piece)
                .map(|events| Frame::push_events(events, out));
        });
        if self.state.failed {
            return Ok(());
        }
        result?;
        finished?;
        if !self.state.finished {
            return Err(cut_short());
        }
        let mut facts = Facts::default();
        facts.ended = true;
        facts.meaningful = true;
        out.push(Frame {
            data: FrameData::Events(vec![StreamEvent::End]),
            facts,
        });
        Ok(())
    }
}
