//! Streams for an OpenAI client.

use bytes::{BufMut, BytesMut};
use gateway_schema::chat::{Content, Finish, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Losses, Usage};
use serde_json::{Map, Value, json};

use super::write::{Added, CallPiece, write_choice};
use crate::ReplyInfo;
use crate::node::object;
use crate::openai::body::foreign;
use crate::openai::chat::{stand_in_id, url_of};
use crate::openai::usage;
use crate::sse::write_json;

/// Which of the two streams is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completion,
}

/// What came last in an answer: a signature belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Last {
    #[default]
    Nothing,
    Text,
    Thinking,
    Call(u32),
}

#[derive(Debug, Default)]
struct Answer {
    choice: u32,
    has_role: bool,
    last: Last,
}

/// Writes canonical events as chunks: one per group of events and answer, usage last and only if it was asked for.
#[derive(Debug)]
pub struct StreamEncoder {
    kind: Kind,
    info: ReplyInfo,
    /// The beginning of every chunk, up to `choices`.
    head: Vec<u8>,
    /// Fields of the provider's own for the first chunk.
    first: Map<String, Value>,
    answers: Vec<Answer>,
    usage: Option<Usage>,
    losses: Losses,
}

impl StreamEncoder {
    /// An encoder of one chat stream.
    pub fn chat(info: &ReplyInfo) -> Self {
        Self::new(Kind::Chat, info)
    }

    /// An encoder of one stream of a text completion.
    pub fn completion(info: &ReplyInfo) -> Self {
        Self::new(Kind::Completion, info)
    }

    fn new(kind: Kind, info: &ReplyInfo) -> Self {
        let mut encoder = Self {
            kind,
            info: info.clone(),
            head: Vec::new(),
            first: Map::new(),
            answers: Vec::new(),
            usage: None,
            losses: Losses::new(),
        };
        encoder.start(None, None, None);
        encoder
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, created: Option<i64>) {
        let (prefix, name) = match self.kind {
            Kind::Chat => ("chatcmpl-", "chat.completion.chunk"),
            Kind::Completion => ("cmpl-", "text_completion"),
        };
        let mut head = b"data: ".to_vec();
        object(&mut head, |out| {
            match id {
                Some(id) => out.field("id", id),
                None => out.field("id", &format!("{prefix}{}", self.info.id)),
            }
            out.field("object", name);
            out.field("created", &created.unwrap_or(self.info.created));
            out.field("model", model.unwrap_or(&self.info.model));
        });
        // The object stays open for the choices.
        head.pop();
        self.head = head;
    }

    fn lose(&mut self, choice: u32, what: &str, why: impl Into<String>) {
        let path = format!("choices[{choice}].{what}");
        self.losses.dropped(path, why.into());
    }

    fn answer(&mut self, choice: u32) -> Option<&mut Answer> {
        if !self.answers.iter().any(|answer| answer.choice == choice) {
            self.answers.push(Answer {
                choice,
                ..Answer::default()
            });
        }
        self.answers
            .iter_mut()
            .find(|answer| answer.choice == choice)
    }

    /// Sorts one event into what it adds.
    fn take(&mut self, event: &StreamEvent, group: &mut Group) {
        match event {
            StreamEvent::Start {
                id,
                model,
                created,
                extra,
            } => {
                self.start(id.as_deref(), model.as_deref(), *created);
                self.first_fields(extra);
            }
            StreamEvent::Role { choice } => {
                group.at(*choice);
            }
            StreamEvent::Text { choice, text } => {
                group.at(*choice).text.push_str(text);
                self.came(*choice, Last::Text);
            }
            StreamEvent::Thinking { choice, text } => {
                group.at(*choice).thinking.push_str(text);
                self.came(*choice, Last::Thinking);
            }
            StreamEvent::Refusal { choice, text } => group.at(*choice).refusal.push_str(text),
            StreamEvent::RedactedThinking { choice, data } => {
                group.at(*choice).redacted.push(data.clone());
                self.came(*choice, Last::Thinking);
            }
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                arguments,
            } => {
                let id = id.clone().unwrap_or_else(|| stand_in_id(&self.info, call));
                let piece = group.at(*choice).call(*call);
                piece.begin = Some((id, name.clone()));
                piece.arguments.push_str(arguments);
                self.came(*choice, Last::Call(*call));
            }
            StreamEvent::ToolArguments {
                choice,
                call,
                fragment,
            } => {
                group.at(*choice).call(*call).arguments.push_str(fragment);
                self.came(*choice, Last::Call(*call));
            }
            StreamEvent::Signature { choice, signature } => self.sign(*choice, signature, group),
            StreamEvent::Citation { choice, citation } => {
                group.at(*choice).citations.push(citation.clone());
            }
            StreamEvent::Logprobs { choice, value } => {
                group.at(*choice).logprobs = Some(value.clone());
            }
            StreamEvent::Finish { choice, finish } => self.finish(*choice, finish, group),
            StreamEvent::Opaque {
                choice,
                dialect,
                value,
            } => self.opaque(*choice, *dialect, value, group),
            StreamEvent::Part { choice, content } => self.part(*choice, content, group),
            StreamEvent::Usage(usage) => self.usage.get_or_insert_default().update(usage.clone()),
            _ => {}
        }
    }

    fn first_fields(&mut self, extra: &Extra) {
        match extra.dialect() {
            Some(Dialect::OPENAI) => self.first.extend(extra.fields().clone()),
            Some(other) => {
                for key in extra.fields().keys() {
                    self.losses
                        .dropped(key.clone(), foreign(other, "OpenAI clients"));
                }
            }
            None => {}
        }
    }

    /// A picture goes as OpenRouter streams it; nothing else has a form.
    fn part(&mut self, choice: u32, content: &Content, group: &mut Group) {
        let url = match content {
            Content::Image { media, .. } => url_of(media),
            _ => None,
        };
        let Some(url) = url else {
            return self.lose(choice, "content", "streams of this API carry no such part");
        };
        let images = json!([{"type": "image_url", "image_url": {"url": url}}]);
        let value = json!({"delta": {"images": images}});
        self.opaque(choice, Dialect::OPENAI, &value, group);
    }

    fn came(&mut self, choice: u32, last: Last) {
        if let Some(answer) = self.answer(choice) {
            answer.last = last;
        }
    }

    fn sign(&mut self, choice: u32, signature: &Signature, group: &mut Group) {
        let last = self
            .answer(choice)
            .map_or(Last::Nothing, |answer| answer.last);
        let is_google = signature.dialect == Dialect::GEMINI;
        match last {
            Last::Call(call) if is_google => {
                group.at(choice).call(call).signature = Some(signature.value.clone());
            }
            Last::Text if is_google => {
                group.at(choice).text_signature = Some(signature.value.clone());
            }
            Last::Nothing | Last::Thinking => group.at(choice).signatures.push(signature.clone()),
            _ => self.lose(
                choice,
                "signature",
                "proofs of this kind have no place here",
            ),
        }
    }

    fn finish(&mut self, choice: u32, finish: &Finish, group: &mut Group) {
        let (word, exact) = crate::openai::chat::finish::encode(finish);
        if !exact {
            self.losses.approximated(
                format!("choices[{choice}].finish_reason"),
                format!(
                    "`{}` has no word here",
                    finish.raw.as_deref().unwrap_or("other")
                ),
            );
        }
        group.at(choice).finish = Some(word);
    }

    fn opaque(&mut self, choice: u32, dialect: Dialect, value: &Value, group: &mut Group) {
        if dialect != Dialect::OPENAI {
            return self.lose(choice, "content", foreign(dialect, "OpenAI clients"));
        }
        let level = |name: &str| value.get(name).and_then(Value::as_object).cloned();
        if let Some(fields) = level("chunk") {
            self.first.extend(fields);
        }
        if let Some(fields) = level("choice") {
            group.at(choice).choice_fields.extend(fields);
        }
        if let Some(fields) = level("delta") {
            group.at(choice).delta_fields.extend(fields);
        }
    }

    /// What a completion has no form for.
    fn report_chat_only(&mut self, choice: u32, added: &Added) {
        let lost = [
            (
                !added.thinking.is_empty() || !added.redacted.is_empty(),
                "reasoning",
            ),
            (!added.refusal.is_empty(), "refusal"),
            (!added.calls.is_empty(), "tool_calls"),
            (!added.citations.is_empty(), "citations"),
        ];
        for (is_lost, what) in lost {
            if is_lost {
                self.lose(choice, what, "text completions hold nothing but text");
            }
        }
    }

    fn write(&mut self, choice: u32, mut added: Added, out: &mut BytesMut) {
        if self.kind == Kind::Completion {
            self.report_chat_only(choice, &added);
        }
        added.says_role = self
            .answer(choice)
            .is_some_and(|answer| !std::mem::replace(&mut answer.has_role, true));
        let mut body = std::mem::take(&mut self.head);
        let length = body.len();
        body.extend_from_slice(b",\"choices\":[");
        write_choice(self.kind, choice, &added, &mut self.losses, &mut body);
        body.push(b']');
        self.close(&mut body);
        out.put_slice(&body);
        body.truncate(length);
        self.head = body;
    }

    /// Fields of the provider's own that no answer of their group took along, in a chunk without one.
    fn write_first(&mut self, out: &mut BytesMut) {
        if self.first.is_empty() {
            return;
        }
        let mut body = self.head.clone();
        body.extend_from_slice(b",\"choices\":[]");
        self.close(&mut body);
        out.put_slice(&body);
    }

    /// The end of a chunk: fields of the provider's own, and the empty usage that stands in all but the last.
    fn close(&mut self, body: &mut Vec<u8>) {
        for (key, value) in std::mem::take(&mut self.first) {
            let mut field = Vec::new();
            object(&mut field, |out| out.field(&key, &value));
            body.push(b',');
            body.extend_from_slice(
                field
                    .strip_prefix(b"{")
                    .and_then(|field| field.strip_suffix(b"}"))
                    .unwrap_or_default(),
            );
        }
        if self.info.include_usage {
            body.extend_from_slice(b",\"usage\":null");
        }
        body.extend_from_slice(b"}\n\n");
    }
}

/// What one group of events adds, per answer.
#[derive(Default)]
struct Group {
    answers: Vec<(u32, Added)>,
}

impl Group {
    fn at(&mut self, choice: u32) -> &mut Added {
        let position = self
            .answers
            .iter()
            .position(|(known, _)| *known == choice)
            .unwrap_or(self.answers.len());
        if position == self.answers.len() {
            self.answers.push((choice, Added::default()));
        }
        #[expect(clippy::indexing_slicing, reason = "the entry was found or just made")]
        &mut self.answers[position].1
    }
}

impl Added {
    fn call(&mut self, call: u32) -> &mut CallPiece {
        let position = self
            .calls
            .iter()
            .position(|piece| piece.call == call)
            .unwrap_or(self.calls.len());
        if position == self.calls.len() {
            self.calls.push(CallPiece {
                call,
                ..CallPiece::default()
            });
        }
        #[expect(clippy::indexing_slicing, reason = "the entry was found or just made")]
        &mut self.calls[position]
    }
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        let mut group = Group::default();
        for event in events {
            self.take(event, &mut group);
        }
        for (choice, added) in group.answers {
            self.write(choice, added, out);
        }
        self.write_first(out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        if let Some(usage) = self.usage.take().filter(|_| self.info.include_usage) {
            let mut body = std::mem::take(&mut self.head);
            body.extend_from_slice(b",\"choices\":[],\"usage\":");
            object(&mut body, |out| usage::encode(&usage, out));
            body.extend_from_slice(b"}\n\n");
            out.put_slice(&body);
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        write_json(out, None, body);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
