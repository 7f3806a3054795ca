//! Streams: one chunk per group of events, nulls present, no terminator.

use bytes::{BufMut as _, BytesMut};
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::Encode;
use gateway_schema::{Losses, Operation, Usage};
use serde_json::{Map, Value, json};

use super::error;
use super::reply::{call_id, finish_word, thought_signature, usage};
use crate::ReplyInfo;

/// Writes one streamed reply.
#[derive(Debug)]
pub(super) struct StreamWriter {
    form: Form,
    info: ReplyInfo,
    id: Option<String>,
    model: String,
    created: i64,
    usage: Usage,
    losses: Losses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Chat,
    Completion,
}

/// What one chunk says about one answer.
#[derive(Debug, Default)]
struct Delta {
    index: u32,
    role: bool,
    text: Option<String>,
    thinking: Option<String>,
    refusal: Option<String>,
    calls: Vec<Value>,
    finish: Option<String>,
    logprobs: Option<Value>,
}

/// What one group of events says.
#[derive(Debug, Default)]
struct Chunk {
    deltas: Vec<Delta>,
    usage: bool,
    start: bool,
    content: bool,
}

impl Chunk {
    fn delta(&mut self, choice: u32) -> Option<&mut Delta> {
        let place = self.deltas.iter().position(|it| it.index == choice);
        let place = place.unwrap_or_else(|| {
            self.deltas.push(Delta {
                index: choice,
                ..Delta::default()
            });
            self.deltas.len() - 1
        });
        self.deltas.get_mut(place)
    }

    /// MLflow writes nothing for bookkeeping; the opening of an answer counts as such where it already states usage
    /// (Anthropic), and as a chunk where it states the role alone (OpenAI).
    fn is_worth_writing(&self, include_usage: bool) -> bool {
        if self.content {
            return true;
        }
        if self.start && self.usage {
            return false;
        }
        !self.deltas.is_empty() || (self.usage && include_usage)
    }
}

impl StreamWriter {
    pub(super) fn new(operation: Operation, info: &ReplyInfo) -> Self {
        let form = match operation {
            Operation::Completion => Form::Completion,
            _ => Form::Chat,
        };
        Self {
            form,
            id: None,
            model: info.model.clone(),
            created: info.created,
            info: info.clone(),
            usage: Usage::default(),
            losses: Losses::new(),
        }
    }

    fn read(&mut self, event: &StreamEvent, chunk: &mut Chunk) {
        match event {
            StreamEvent::Start {
                id, model, created, ..
            } => {
                chunk.start = true;
                self.id = id.clone().or_else(|| self.id.take());
                if let Some(model) = model {
                    self.model.clone_from(model);
                }
                self.created = created.unwrap_or(self.created);
            }
            StreamEvent::Usage(usage) => {
                chunk.usage = true;
                self.usage.update(usage.clone());
            }
            StreamEvent::Ping
            | StreamEvent::PartEnd { .. }
            | StreamEvent::End
            | StreamEvent::Error(_) => {}
            StreamEvent::Role { choice } => {
                if let Some(delta) = chunk.delta(*choice) {
                    delta.role = true;
                }
            }
            _ => self.read_content(event, chunk),
        }
    }

    fn read_content(&mut self, event: &StreamEvent, chunk: &mut Chunk) {
        let Some(choice) = event.choice() else {
            self.losses
                .dropped("stream", "MLflow's format has no such event");
            return;
        };
        chunk.content = true;
        let Some(delta) = chunk.delta(choice) else {
            return;
        };
        match event {
            StreamEvent::Text { text, .. } => delta.text.get_or_insert_default().push_str(text),
            StreamEvent::Thinking { text, .. } => {
                if !text.is_empty() {
                    delta.thinking.get_or_insert_default().push_str(text);
                }
            }
            StreamEvent::Refusal { text, .. } => {
                delta.refusal.get_or_insert_default().push_str(text);
            }
            StreamEvent::ToolCall {
                call,
                id,
                name,
                arguments,
                ..
            } => {
                let number = usize::try_from(*call).unwrap_or(usize::MAX);
                let id = id.clone().unwrap_or_else(|| call_id(&self.info, number));
                delta.calls.push(json!({
                    "index": call, "id": id, "type": "function",
                    "function": { "name": name, "arguments": arguments },
                }));
            }
            StreamEvent::ToolArguments { call, fragment, .. } => delta.calls.push(json!({
                "index": call, "id": null, "type": null,
                "function": { "name": null, "arguments": fragment },
            })),
            StreamEvent::Signature { signature, .. } => {
                let proof = thought_signature(Some(signature));
                match (proof, delta.calls.last_mut()) {
                    (Some(proof), Some(Value::Object(call))) => {
                        call.insert("thought_signature".to_owned(), Value::from(proof));
                    }
                    _ => self.losses.dropped(
                        "stream.signature",
                        "MLflow's format has signatures on tool calls only",
                    ),
                }
            }
            StreamEvent::Finish { finish, .. } => delta.finish = Some(finish_word(finish)),
            StreamEvent::Logprobs { value, .. } => delta.logprobs = Some(value.clone()),
            _ => self
                .losses
                .dropped("stream.part", "MLflow's format has no such part"),
        }
    }

    fn body(&self, chunk: &Chunk) -> Value {
        let mut deltas: Vec<&Delta> = chunk.deltas.iter().collect();
        deltas.sort_by_key(|delta| delta.index);
        let choices: Vec<Value> = deltas
            .into_iter()
            .map(|delta| match self.form {
                Form::Chat => delta.chat(),
                Form::Completion => delta.completion(),
            })
            .collect();
        let shown = chunk.usage && (self.info.include_usage || !choices.is_empty());
        let object = match self.form {
            Form::Chat => "chat.completion.chunk",
            Form::Completion => "text_completion_chunk",
        };
        let mut body = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": if shown { usage(Some(&self.usage)) } else { Value::Null },
        });
        if let (Form::Chat, Value::Object(fields)) = (self.form, &mut body) {
            let provider = Value::from(self.info.provider.as_str());
            fields.insert("provider".to_owned(), provider);
        }
        body
    }
}

impl Delta {
    fn chat(&self) -> Value {
        let calls = if self.calls.is_empty() {
            Value::Null
        } else {
            Value::Array(self.calls.clone())
        };
        // The chunk that states the role alone says that the text is empty so far, as OpenAI's does.
        let opening = self.role && self.calls.is_empty() && self.finish.is_none();
        let text = self.text.as_deref().or(opening.then_some(""));
        let mut delta = Map::new();
        delta.insert("role".to_owned(), json!(self.role.then_some("assistant")));
        delta.insert("content".to_owned(), json!(text));
        delta.insert("tool_calls".to_owned(), calls);
        if let Some(thinking) = &self.thinking {
            delta.insert("reasoning_content".to_owned(), json!(thinking));
        }
        if let Some(refusal) = &self.refusal {
            delta.insert("refusal".to_owned(), json!(refusal));
        }
        let mut out = json!({ "index": self.index, "finish_reason": self.finish, "delta": delta });
        self.add_logprobs(&mut out);
        out
    }

    fn completion(&self) -> Value {
        let mut out =
            json!({ "index": self.index, "finish_reason": self.finish, "text": self.text });
        self.add_logprobs(&mut out);
        out
    }

    fn add_logprobs(&self, out: &mut Value) {
        if let (Value::Object(fields), Some(logprobs)) = (out, &self.logprobs) {
            fields.insert("logprobs".to_owned(), logprobs.clone());
        }
    }
}

fn write(body: &Value, out: &mut BytesMut) {
    out.put_slice(b"data: ");
    out.put_slice(body.to_string().as_bytes());
    out.put_slice(b"\n\n");
}

impl Encode for StreamWriter {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        let mut chunk = Chunk::default();
        for event in events {
            self.read(event, &mut chunk);
        }
        if chunk.is_worth_writing(self.info.include_usage) {
            write(&self.body(&chunk), out);
        }
    }

    fn end(&mut self, _: &mut BytesMut) {}

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        write(&error::as_event(body), out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
