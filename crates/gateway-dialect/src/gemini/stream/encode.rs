//! Streams out.
//!
//! Gemini's clients expect whole calls of functions, so that calls are gathered until they are complete; the reason of
//! the end and usage go out in the last piece.

use bytes::{BufMut as _, BytesMut};
use gateway_schema::chat::{Finish, Part, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Losses, Usage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::part::Args;
use super::super::reply::{logprobs_result, report_foreign, source};
use super::super::usage::UsageOut;
use super::super::{finish, signature};
use super::Framing;
use super::decode::raw;
use crate::ReplyInfo;
use crate::sse;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<CandidateOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageOut<'a>>,
    model_version: &'a str,
    response_id: &'a str,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    index: u32,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct ContentOut {
    parts: Vec<Value>,
    role: &'static str,
}

/// A call of a function that is being written.
#[derive(Debug)]
struct Pending {
    call: u32,
    id: Option<String>,
    name: String,
    arguments: String,
    signature: Option<String>,
}

/// One answer so far.
#[derive(Debug, Default)]
struct Answer {
    index: u32,
    /// Parts of the piece being made.
    parts: Vec<Value>,
    /// Fields beside the content, of the piece being made.
    fields: Map<String, Value>,
    pending: Vec<Pending>,
    sources: Vec<Value>,
    /// The provider's own account of its sources was written.
    told_sources: bool,
    finish: Option<Finish>,
    /// What was written last was reasoning: a proof belongs to it.
    thinking: bool,
}

/// Writes a stream of `streamGenerateContent`. One per stream.
#[derive(Debug)]
pub(in super::super) struct StreamEncoder {
    info: ReplyInfo,
    framing: Framing,
    id: Option<String>,
    model: Option<String>,
    extra: Extra,
    usage: Option<Usage>,
    answers: Vec<Answer>,
    written: bool,
    losses: Losses,
}

impl StreamEncoder {
    /// An encoder at the start of a stream.
    pub(in super::super) fn new(info: &ReplyInfo, framing: Framing) -> Self {
        Self {
            info: info.clone(),
            framing,
            id: None,
            model: None,
            extra: Extra::new(),
            usage: None,
            answers: Vec::new(),
            written: false,
            losses: Losses::new(),
        }
    }

    /// The place of an answer in `answers`.
    fn answer(&mut self, index: u32) -> Option<&mut Answer> {
        let place = self.answers.iter().position(|it| it.index == index);
        let place = place.unwrap_or_else(|| {
            self.answers.push(Answer {
                index,
                ..Answer::default()
            });
            self.answers.len() - 1
        });
        self.answers.get_mut(place)
    }

    fn event(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Start {
                id, model, extra, ..
            } => {
                let told = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
                self.id = self.id.take().or_else(|| told(id));
                self.model = self.model.take().or_else(|| told(model));
                report_foreign(extra, "", &mut self.losses);
                if extra.dialect() == Some(Dialect::GEMINI) {
                    self.extra = extra.clone();
                }
            }
            StreamEvent::Usage(usage) => self.usage.get_or_insert_default().update(usage.clone()),
            StreamEvent::Refusal { .. } => {
                self.losses
                    .approximated("refusal", "a refusal is plain text here");
                self.content(event);
            }
            StreamEvent::RedactedThinking { .. } => {
                self.losses
                    .approximated("content", "only its provider can read encrypted reasoning");
            }
            StreamEvent::Opaque { dialect, .. } if *dialect != Dialect::GEMINI => {
                self.losses
                    .dropped("content", "only the provider's dialect knows this part");
            }
            StreamEvent::Part { content, .. } if raw(&Part::new((**content).clone())).is_null() => {
                self.losses
                    .dropped("content", "answers of this API hold no such part");
            }
            StreamEvent::Citation { .. } => {
                self.losses.approximated(
                    "citations",
                    "the sources of the whole answer stand together",
                );
                self.content(event);
            }
            _ => self.content(event),
        }
    }

    fn content(&mut self, event: &StreamEvent) {
        let Some(choice) = event.choice() else {
            return;
        };
        let Some(answer) = self.answer(choice) else {
            return;
        };
        let mut torn = false;
        match event {
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => {
                torn = answer.flush();
                answer.thinking = false;
                if !text.is_empty() {
                    answer.parts.push(json!({ "text": text }));
                }
            }
            StreamEvent::Thinking { text, .. } => {
                torn = answer.flush();
                answer.thinking = true;
                if !text.is_empty() {
                    answer.parts.push(json!({ "text": text, "thought": true }));
                }
            }
            StreamEvent::Signature { signature, .. } => answer.sign(signature),
            StreamEvent::ToolCall {
                call,
                id,
                name,
                arguments,
                ..
            } => answer.pending.push(Pending {
                call: *call,
                id: id.clone(),
                name: name.clone(),
                arguments: arguments.clone(),
                signature: None,
            }),
            StreamEvent::ToolArguments { call, fragment, .. } => {
                let open = answer.pending.iter_mut().find(|open| open.call == *call);
                match open {
                    Some(open) => open.arguments.push_str(fragment),
                    None => torn = !fragment.is_empty(),
                }
            }
            StreamEvent::Citation { citation, .. } => answer.sources.push(source(citation)),
            StreamEvent::Logprobs { value, .. } => {
                let value = logprobs_result(value);
                answer.fields.insert("logprobsResult".to_owned(), value);
            }
            StreamEvent::Part { content, .. } => {
                torn = answer.flush();
                answer.opaque(&raw(&Part::new((**content).clone())));
            }
            StreamEvent::Opaque { value, .. } => {
                torn = answer.flush();
                answer.opaque(value);
            }
            StreamEvent::PartEnd { .. } => torn = answer.flush(),
            StreamEvent::Finish { finish, .. } => {
                torn = answer.flush();
                answer.finish = Some(finish.clone());
            }
            _ => {}
        }
        if torn {
            self.losses.approximated(
                "tool_calls.arguments",
                "the arguments are not a whole JSON object",
            );
        }
    }

    /// Writes what has been gathered, if there is anything.
    fn flush(&mut self, is_last: bool, out: &mut BytesMut) {
        let mut finishes = Vec::new();
        for answer in &mut self.answers {
            finishes.push(answer.finish.clone());
        }
        let mut candidates = Vec::new();
        for (answer, finish) in self.answers.iter_mut().zip(&finishes) {
            let parts = std::mem::take(&mut answer.parts);
            let extra = std::mem::take(&mut answer.fields);
            if parts.is_empty() && extra.is_empty() && !is_last {
                continue;
            }
            // Google's clients keep no turn that ends in a piece without content.
            let parts = if parts.is_empty() && is_last {
                vec![json!({ "text": "" })]
            } else {
                parts
            };
            candidates.push(CandidateOut {
                content: (!parts.is_empty()).then_some(ContentOut {
                    parts,
                    role: "model",
                }),
                finish_reason: is_last.then(|| finish::write(finish.as_ref())),
                index: answer.index,
                extra,
            });
        }
        if candidates.is_empty() && !is_last {
            return;
        }
        let usage = self.usage.clone().filter(|_| is_last);
        let piece = Piece {
            candidates,
            usage_metadata: usage.as_ref().map(UsageOut::of),
            model_version: self.model.as_deref().unwrap_or(&self.info.model),
            response_id: self.id.as_deref().unwrap_or(&self.info.id),
            extra: self.extra.for_dialect(Dialect::GEMINI),
        };
        match self.framing {
            Framing::Events => sse::write_json(out, None, &piece),
            Framing::Array => {
                out.put_slice(if self.written { b",\r\n" } else { b"[" });
                put(out, &piece);
            }
        }
        self.written = true;
    }
}

fn put(out: &mut BytesMut, value: &impl Serialize) {
    let start = out.len();
    // Everything written here is JSON; if it were not, nothing is better than a half.
    if crate::node::write(out, value).is_err() {
        out.truncate(start);
    }
}

impl Answer {
    /// Writes the calls that are being gathered. True when the arguments of one are torn.
    fn flush(&mut self) -> bool {
        let mut torn = false;
        for pending in std::mem::take(&mut self.pending) {
            self.thinking = false;
            let whole = Args::of(&pending.arguments);
            torn |= whole.is_none();
            let args = whole
                .and_then(|args| serde_json::to_value(args).ok())
                .unwrap_or_else(|| json!({}));
            let mut call = Map::new();
            if let Some(id) = pending.id.filter(|id| !id.is_empty()) {
                call.insert("id".to_owned(), id.into());
            }
            call.insert("name".to_owned(), pending.name.into());
            call.insert("args".to_owned(), args);
            let mut part = json!({ "functionCall": call });
            if let (Some(signature), Value::Object(fields)) = (pending.signature, &mut part) {
                fields.insert("thoughtSignature".to_owned(), signature.into());
            }
            self.parts.push(part);
        }
        torn
    }

    /// Puts a proof at what it belongs to.
    fn sign(&mut self, signature: &Signature) {
        let value = signature::write(signature);
        if let Some(pending) = self.pending.last_mut() {
            pending.signature = Some(value);
            return;
        }
        if let Some(Value::Object(part)) = self.parts.last_mut()
            && !part.contains_key("thoughtSignature")
        {
            part.insert("thoughtSignature".to_owned(), value.into());
            return;
        }
        let mut part = json!({ "text": "", "thoughtSignature": value });
        if let (true, Value::Object(fields)) = (self.thinking, &mut part) {
            fields.insert("thought".to_owned(), true.into());
        }
        self.parts.push(part);
    }

    fn opaque(&mut self, value: &Value) {
        self.thinking = false;
        match value.get("candidate") {
            Some(Value::Object(fields)) => {
                self.told_sources |= fields.contains_key("groundingMetadata")
                    || fields.contains_key("citationMetadata");
                self.fields.extend(fields.clone());
            }
            _ => self.parts.push(value.clone()),
        }
    }
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        for event in events {
            self.event(event);
        }
        self.flush(false, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        let is_blocked = self.extra.fields().contains_key("promptFeedback")
            && self.answers.iter().all(|answer| answer.parts.is_empty());
        if self.answers.is_empty() && !is_blocked {
            self.answers.push(Answer::default());
        }
        if is_blocked && !self.written {
            self.answers.clear();
        }
        let mut torn = false;
        for answer in &mut self.answers {
            torn |= answer.flush();
            if !answer.sources.is_empty() && !answer.told_sources {
                let sources = std::mem::take(&mut answer.sources);
                answer.fields.insert(
                    "citationMetadata".to_owned(),
                    json!({ "citationSources": sources }),
                );
            }
        }
        if torn {
            self.losses.approximated(
                "tool_calls.arguments",
                "the arguments are not a whole JSON object",
            );
        }
        self.flush(true, out);
        if self.framing == Framing::Array {
            out.put_slice(b"]");
        }
    }

    fn resume(&mut self, last: &[u8]) {
        // An array that has begun is not opened again.
        self.written |= !last.is_empty();
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        match self.framing {
            Framing::Events => sse::write_json(out, None, body),
            Framing::Array => {
                out.put_slice(if self.written { b",\r\n" } else { b"[" });
                put(out, body);
                out.put_slice(b"]");
            }
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
