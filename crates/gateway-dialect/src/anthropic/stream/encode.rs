//! Streams out.
//!
//! Other formats have no content blocks, and say id, usage and the reason of the end when it suits them. This writer
//! opens and closes blocks as the kind of content changes, begins the message with what is known by then, and keeps
//! reason and usage for the end.

use std::borrow::Cow;

use bytes::BytesMut;
use gateway_schema::chat::{Citation, Finish, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Losses, Usage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::block::{CitationOut, PROOFS};
use super::super::finish;
use super::super::usage::UsageOut;
use super::is_known;
use crate::ReplyInfo;
use crate::proofs;
use crate::sse;

#[derive(Serialize)]
struct MessageStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<()>,
    stop_sequence: Option<()>,
    usage: UsageOut<'a>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct BlockStart<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: u32,
    content_block: &'a T,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum NewBlock<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Map<String, Value>,
    },
}

#[derive(Serialize)]
struct BlockDelta<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: u32,
    delta: &'a T,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: Cow<'a, str> },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: CitationOut<'a> },
}

#[derive(Serialize)]
struct MessageDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: Ending<'a>,
    usage: UsageOut<'a>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Ending<'a> {
    stop_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<Value>,
    stop_sequence: Option<&'a str>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// The kind of the block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Thinking,
    Call(u32),
    Opaque,
}

/// Writes a stream of the Messages API. One per stream.
#[derive(Debug)]
pub(in super::super) struct StreamEncoder {
    info: ReplyInfo,
    id: Option<String>,
    model: Option<String>,
    extra: Extra,
    started: bool,
    open: Open,
    next_index: u32,
    /// The index of the block of every tool call, by its number.
    calls: Vec<(u32, u32)>,
    usage: Usage,
    finish: Option<Finish>,
    /// What the model said when it declined.
    refusal: String,
    /// What `message_delta` says besides, from a provider of the same dialect.
    last: Map<String, Value>,
    losses: Losses,
}

impl StreamEncoder {
    /// An encoder at the start of a stream.
    pub(in super::super) fn new(info: &ReplyInfo) -> Self {
        Self {
            info: info.clone(),
            id: None,
            model: None,
            extra: Extra::new(),
            started: false,
            open: Open::None,
            next_index: 0,
            calls: Vec::new(),
            usage: Usage::default(),
            finish: None,
            refusal: String::new(),
            last: Map::new(),
            losses: Losses::new(),
        }
    }

    /// Takes over what is said of the whole answer.
    fn note(&mut self, event: &StreamEvent) -> bool {
        match event {
            StreamEvent::Start {
                id, model, extra, ..
            } => {
                if !self.started {
                    self.id = id.clone().filter(|id| !id.is_empty()).or(self.id.take());
                    self.model = model
                        .clone()
                        .filter(|model| !model.is_empty())
                        .or(self.model.take());
                    if extra.dialect() == Some(Dialect::ANTHROPIC) {
                        self.extra = extra.clone();
                    }
                }
                true
            }
            StreamEvent::Usage(usage) => {
                self.usage.update(usage.clone());
                false
            }
            _ => false,
        }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let fallback;
        let id = if let Some(id) = &self.id {
            id
        } else {
            fallback = format!("msg_{}", self.info.id);
            &fallback
        };
        let event = MessageStart {
            kind: "message_start",
            message: Message {
                id,
                kind: "message",
                role: "assistant",
                model: self.model.as_deref().unwrap_or(&self.info.model),
                content: [],
                stop_reason: None,
                stop_sequence: None,
                usage: UsageOut::of(&self.usage),
                extra: self.extra.for_dialect(Dialect::ANTHROPIC),
            },
        };
        sse::write_json(out, Some("message_start"), &event);
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open == Open::None {
            return;
        }
        self.open = Open::None;
        let event = json!({"type": "content_block_stop", "index": self.current()});
        sse::write_json(out, Some("content_block_stop"), &event);
    }

    /// The index of the block opened last.
    fn current(&self) -> u32 {
        self.next_index.saturating_sub(1)
    }

    fn begin<T: Serialize>(&mut self, open: Open, block: &T, out: &mut BytesMut) {
        self.start(out);
        self.close(out);
        let event = BlockStart {
            kind: "content_block_start",
            index: self.next_index,
            content_block: block,
        };
        sse::write_json(out, Some("content_block_start"), &event);
        self.next_index = self.next_index.saturating_add(1);
        self.open = open;
    }

    fn delta<T: Serialize>(index: u32, delta: &T, out: &mut BytesMut) {
        let event = BlockDelta {
            kind: "content_block_delta",
            index,
            delta,
        };
        sse::write_json(out, Some("content_block_delta"), &event);
    }

    fn text(&mut self, text: &str, out: &mut BytesMut) {
        // Nothing is opened for nothing: an empty block would come back with the next turn, and the API refuses it.
        if text.is_empty() {
            return;
        }
        if self.open != Open::Text {
            self.begin(Open::Text, &NewBlock::Text { text: "" }, out);
        }
        Self::delta(self.current(), &Delta::Text { text }, out);
    }

    fn open_thinking(&mut self, out: &mut BytesMut) {
        if self.open != Open::Thinking {
            let block = NewBlock::Thinking {
                thinking: "",
                signature: "",
            };
            self.begin(Open::Thinking, &block, out);
        }
    }

    fn thinking(&mut self, text: &str, out: &mut BytesMut) {
        if text.is_empty() {
            return;
        }
        self.open_thinking(out);
        Self::delta(self.current(), &Delta::Thinking { thinking: text }, out);
    }

    fn signature(&mut self, signature: &Signature, out: &mut BytesMut) {
        if self.open != Open::Thinking && signature.dialect != Dialect::ANTHROPIC {
            self.losses
                .dropped("signature", "only reasoning carries one here");
            return;
        }
        self.open_thinking(out);
        let delta = Delta::Signature {
            signature: PROOFS.write(signature).into(),
        };
        Self::delta(self.current(), &delta, out);
    }

    /// Empty reasoning with the proof of the call that follows.
    fn proof(&mut self, signature: &Signature, out: &mut BytesMut) {
        self.close(out);
        self.open_thinking(out);
        let delta = Delta::Signature {
            signature: proofs::of_next(signature).into(),
        };
        Self::delta(self.current(), &delta, out);
    }

    fn call(&mut self, call: u32, id: Option<&str>, name: &str, out: &mut BytesMut) {
        let fallback;
        let id = match id {
            Some(id) if !id.is_empty() => id,
            _ => {
                fallback = format!("toolu_{}_{call}", self.info.id);
                &fallback
            }
        };
        self.calls.push((call, self.next_index));
        let block = NewBlock::ToolUse {
            id,
            name,
            input: Map::new(),
        };
        self.begin(Open::Call(call), &block, out);
    }

    fn arguments(&mut self, call: u32, fragment: &str, out: &mut BytesMut) {
        if fragment.is_empty() {
            return;
        }
        // Providers that write several calls at once are rare; clients find the block by its index in any case.
        match self.calls.iter().rev().find(|(known, _)| *known == call) {
            Some((_, index)) => Self::delta(
                *index,
                &Delta::Input {
                    partial_json: fragment,
                },
                out,
            ),
            None => self
                .losses
                .dropped("tool_calls", "arguments of a call that never began"),
        }
    }

    fn citation(&mut self, citation: &Citation, out: &mut BytesMut) {
        let Some(written) = CitationOut::of(citation) else {
            self.losses.dropped("citations", "a source has no address");
            return;
        };
        if !written.is_native() {
            self.losses
                .approximated("citations", "written as results of a web search");
        }
        if self.open != Open::Text {
            self.begin(Open::Text, &NewBlock::Text { text: "" }, out);
        }
        Self::delta(self.current(), &Delta::Citation { citation: written }, out);
    }

    fn opaque(&mut self, value: &Value, out: &mut BytesMut) {
        let kind = value
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match (kind, value) {
            ("content_block_start", _) => {
                if let Some(block) = value.get("content_block") {
                    self.begin(Open::Opaque, block, out);
                }
            }
            ("content_block_delta", _) => {
                let Some(delta) = value.get("delta") else {
                    return;
                };
                // Within another block, words of this API would say something of that block.
                let fits = match self.open {
                    Open::Opaque => true,
                    Open::None => false,
                    _ => !is_known(delta),
                };
                if fits {
                    Self::delta(self.current(), delta, out);
                } else {
                    self.losses
                        .dropped("content", "a piece whose block is not open any more");
                }
            }
            ("message_delta", Value::Object(fields)) => self.last.extend(
                fields
                    .iter()
                    .filter(|(key, _)| *key != "type")
                    .map(|(key, value)| (key.clone(), value.clone())),
            ),
            _ => self.losses.dropped("content", "not a piece of a stream"),
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut BytesMut) {
        if event.choice().unwrap_or(0) > 0 {
            self.losses
                .dropped("choices[1]", "an Anthropic reply is one answer");
            return;
        }
        match event {
            StreamEvent::Text { text, .. } => self.text(text, out),
            StreamEvent::Refusal { text, .. } => self.refusal.push_str(text),
            StreamEvent::Thinking { text, .. } => self.thinking(text, out),
            StreamEvent::Signature { signature, .. } => self.signature(signature, out),
            StreamEvent::RedactedThinking { data, .. } => {
                self.begin(Open::Opaque, &NewBlock::RedactedThinking { data }, out);
            }
            StreamEvent::ToolCall {
                call,
                id,
                name,
                arguments,
                ..
            } => {
                self.call(*call, id.as_deref(), name, out);
                self.arguments(*call, arguments, out);
            }
            StreamEvent::ToolArguments { call, fragment, .. } => {
                self.arguments(*call, fragment, out);
            }
            StreamEvent::Citation { citation, .. } => self.citation(citation, out),
            StreamEvent::Logprobs { .. } => {
                self.losses
                    .dropped("logprobs", "Anthropic has no token probabilities");
            }
            StreamEvent::Opaque { dialect, value, .. } => {
                if *dialect == Dialect::ANTHROPIC {
                    self.opaque(value, out);
                } else {
                    self.losses
                        .dropped("content", "only the provider's dialect knows this part");
                }
            }
            StreamEvent::Part { .. } => {
                self.losses
                    .dropped("content", "answers of this API hold no such part");
            }
            StreamEvent::PartEnd { .. } => self.close(out),
            StreamEvent::Finish { finish, .. } => self.finish = Some(finish.clone()),
            StreamEvent::Ping => {
                self.start(out);
                sse::write_json(out, Some("ping"), &json!({"type": "ping"}));
            }
            _ => {}
        }
    }
}

/// The proof at the beginning of these events.
fn proof(events: &[StreamEvent]) -> Option<&Signature> {
    match events.first() {
        Some(StreamEvent::Signature { signature, .. }) => Some(signature),
        _ => None,
    }
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        // Usage may stand beside the start, and belongs into the first event.
        let mut begins = false;
        for event in events {
            begins |= self.note(event);
        }
        if begins {
            self.start(out);
        }
        let mut rest = events;
        while let [event, after @ ..] = rest {
            rest = after;
            // The proof of a call comes with it, and stands before it here.
            if let (StreamEvent::ToolCall { choice: 0, .. }, Some(signature)) =
                (event, proof(after))
            {
                self.proof(signature, out);
                rest = after.get(1..).unwrap_or_default();
            }
            self.event(event, out);
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.start(out);
        self.close(out);
        let mut extra = std::mem::take(&mut self.last);
        let ending = match extra.remove("delta") {
            Some(Value::Object(fields)) => Some(fields),
            _ => None,
        };
        let event = MessageDelta {
            kind: "message_delta",
            delta: Ending {
                stop_reason: if self.refusal.is_empty() {
                    finish::write(self.finish.as_ref(), !self.calls.is_empty())
                } else {
                    "refusal"
                },
                stop_details: (!self.refusal.is_empty())
                    .then(|| finish::refusal_details(&self.refusal)),
                stop_sequence: self
                    .finish
                    .as_ref()
                    .and_then(|finish| finish.stop_sequence.as_deref()),
                extra: ending.as_ref(),
            },
            usage: UsageOut::of(&self.usage),
            extra: &extra,
        };
        sse::write_json(out, Some("message_delta"), &event);
        sse::write_json(out, Some("message_stop"), &json!({"type": "message_stop"}));
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        sse::write_json(out, Some("error"), body);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
