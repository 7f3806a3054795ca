//! Good answers in OpenAI's form.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/chat>, and the recordings of the conformance corpus.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Piece, Planned, bad_request};
use crate::answer::chat::{Answer, Said};
use crate::answer::{chat, embedding, text_inside, tokens, words};
use crate::options::Settings;

/// One request to be answered.
pub(super) struct Answering<'a> {
    pub(super) settings: &'a Settings,
    pub(super) body: &'a Map<String, Value>,
    pub(super) created: i64,
}

/// The end of a stream.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// Sets a member of an object.
pub(super) fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

pub(super) fn event(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    })
}

impl Answering<'_> {
    fn flag(&self, pointer: [&str; 2]) -> bool {
        let [outer, inner] = pointer;
        let value = self.body.get(outer);
        let value = if inner.is_empty() {
            value
        } else {
            value.and_then(|value| value.get(inner))
        };
        value == Some(&Value::Bool(true))
    }

    fn model(&self) -> &Value {
        self.body.get("model").unwrap_or(&Value::Null)
    }

    /// What is said where a parameter is missing or is not what was expected, in OpenAI's words.
    fn lacks(&self, name: &str, expected: &str) -> Planned {
        let found = match self.body.get(name) {
            None | Some(Value::Null) => {
                return bad_request(&format!("Missing required parameter: '{name}'."));
            }
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a string",
            Some(Value::Array(_)) => "an array",
            Some(Value::Object(_)) => "an object",
        };
        bad_request(&format!(
            "Invalid type for '{name}': expected {expected}, but got {found} instead."
        ))
    }

    /// How long an answer of so many tokens takes as a whole.
    fn duration(&self, tokens: u64) -> Duration {
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        self.settings.time_to_first_token + self.settings.token_interval.saturating_mul(tokens)
    }

    pub(super) fn chat(&self) -> Planned {
        let Some(Value::Array(messages)) = self.body.get("messages") else {
            return self.lacks("messages", "an array of objects");
        };
        if messages.is_empty() {
            return bad_request(
                "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array \
                 instead.",
            );
        }
        let answer = chat::chat(self.settings, self.body);
        if self.flag(["stream", ""]) {
            return self.stream(&answer, "chat.completion.chunk", chat_deltas);
        }
        let choices: Vec<Value> = answer
            .choices
            .iter()
            .enumerate()
            .map(|(index, said)| {
                json!({
                    "index": index, "message": message(said), "logprobs": null, "finish_reason": said.finish,
                })
            })
            .collect();
        self.whole(&answer, "chat.completion", &choices)
    }

    pub(super) fn completion(&self) -> Planned {
        let prompts: Vec<String> = match self.body.get("prompt") {
            Some(Value::String(prompt)) => vec![prompt.clone()],
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            // Token ids: there are no words behind them, but as many tokens.
            Some(ids @ Value::Array(_)) => vec![ids.to_string()],
            _ => return self.lacks("prompt", "a string or an array"),
        };
        let mut answers = prompts
            .iter()
            .map(|prompt| chat::completion(self.settings, self.body, prompt));
        let Some(mut answer) = answers.next() else {
            return bad_request("Invalid 'prompt': empty array.");
        };
        for more in answers {
            answer.prompt_tokens += more.prompt_tokens;
            answer.completion_tokens += more.completion_tokens;
            answer.choices.extend(more.choices);
        }
        if self.flag(["stream", ""]) {
            return self.stream(&answer, "text_completion", completion_deltas);
        }
        let choices: Vec<Value> = answer
            .choices
            .iter()
            .enumerate()
            .map(|(index, said)| {
                json!({
                    "index": index, "text": said.text, "logprobs": null, "finish_reason": said.finish,
                })
            })
            .collect();
        self.whole(&answer, "text_completion", &choices)
    }

    fn whole(&self, answer: &Answer, object: &str, choices: &[Value]) -> Planned {
        let body = json!({
            "id": self.id(answer, object),
            "object": object,
            "created": self.created,
            "model": self.model(),
            "choices": choices,
            "usage": usage(answer.prompt_tokens, answer.completion_tokens),
            "system_fingerprint": "fp_simulator",
        });
        let pause = self.duration(answer.completion_tokens);
        Planned::whole(StatusCode::OK, pause, &body)
    }

    fn id(&self, answer: &Answer, object: &str) -> String {
        let prefix = if object.starts_with("chat") {
            "chatcmpl"
        } else {
            "cmpl"
        };
        format!("{prefix}-sim{:x}{}", self.created, answer.id)
    }

    /// Writes the chunks of all choices, one choice after the other, then usage if it was asked for.
    fn stream(&self, answer: &Answer, object: &str, deltas: fn(&Said) -> Vec<Value>) -> Planned {
        let id = self.id(answer, object);
        let with_usage = self.flag(["stream_options", "include_usage"]);
        let chunk = |choices: Value| {
            let mut chunk = json!({
                "id": id,
                "object": object,
                "created": self.created,
                "model": self.model(),
                "system_fingerprint": "fp_simulator",
                "choices": choices,
            });
            if with_usage {
                set(&mut chunk, "usage", Value::Null);
            }
            chunk
        };
        let mut pieces = Vec::new();
        for (index, said) in answer.choices.iter().enumerate() {
            for mut choice in deltas(said) {
                set(&mut choice, "index", json!(index));
                let pause = if pieces.is_empty() {
                    self.settings.time_to_first_token
                } else {
                    self.settings.token_interval
                };
                pieces.push(Piece {
                    pause,
                    bytes: event(&chunk(json!([choice]))),
                });
            }
        }
        let mut last = |bytes: Bytes| {
            pieces.push(Piece {
                pause: Duration::ZERO,
                bytes,
            });
        };
        if with_usage {
            let mut chunk = chunk(json!([]));
            set(
                &mut chunk,
                "usage",
                usage(answer.prompt_tokens, answer.completion_tokens),
            );
            last(event(&chunk));
        }
        last(Bytes::from_static(DONE));
        Planned::stream(pieces)
    }

    /// The number of input tokens of a chat. Ours: OpenAI's chat API has no such operation.
    pub(super) fn count(&self) -> Planned {
        let mut prompt = String::new();
        for name in ["messages", "tools"] {
            text_inside(self.body.get(name).unwrap_or(&Value::Null), &mut prompt);
        }
        let body = json!({"input_tokens": tokens(&prompt)});
        Planned::whole(StatusCode::OK, Duration::ZERO, &body)
    }

    pub(super) fn embedding(&self) -> Planned {
        let inputs: Vec<String> = match self.body.get("input") {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) if items.iter().all(Value::is_number) => {
                vec![
                    self.body
                        .get("input")
                        .map(Value::to_string)
                        .unwrap_or_default(),
                ]
            }
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect(),
            _ => return self.lacks("input", "a string or an array"),
        };
        let wanted = self.body.get("dimensions").and_then(Value::as_u64);
        let dimensions = match wanted.map(u32::try_from) {
            None => self.settings.dimensions,
            Some(Ok(dimensions)) if (1..=8192).contains(&dimensions) => dimensions,
            Some(_) => return bad_request("Invalid 'dimensions': must be from 1 to 8192."),
        };
        let in_base64 = self.body.get("encoding_format") == Some(&json!("base64"));
        let data: Vec<Value> = inputs
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let vector = embedding::vector(self.settings.seed, text, dimensions);
                let written = if in_base64 {
                    json!(embedding::base64(&vector))
                } else {
                    json!(vector)
                };
                json!({"object": "embedding", "index": index, "embedding": written})
            })
            .collect();
        let count: u64 = inputs.iter().map(|text| tokens(text)).sum();
        let body = json!({
            "object": "list",
            "data": data,
            "model": self.model(),
            "usage": {"prompt_tokens": count, "total_tokens": count},
        });
        Planned::whole(StatusCode::OK, self.settings.time_to_first_token, &body)
    }
}

fn calls(said: &Said) -> Vec<Value> {
    said.calls
        .iter()
        .map(|call| {
            json!({
                "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })
        })
        .collect()
}

fn message(said: &Said) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text, "refusal": null});
    if !said.calls.is_empty() {
        set(&mut message, "content", Value::Null);
        set(&mut message, "tool_calls", calls(said).into());
    }
    message
}

fn chat_deltas(said: &Said) -> Vec<Value> {
    let delta = |delta: Value, finish: Option<&str>| json!({"delta": delta, "logprobs": null, "finish_reason": finish});
    let first = if said.calls.is_empty() {
        json!({"role": "assistant", "content": "", "refusal": null})
    } else {
        json!({"role": "assistant", "content": null})
    };
    let mut deltas = vec![delta(first, None)];
    for piece in words::pieces(&said.text) {
        deltas.push(delta(json!({"content": piece}), None));
    }
    for (index, call) in said.calls.iter().enumerate() {
        let begin = json!({
            "index": index, "id": call.id, "type": "function",
            "function": {"name": call.name, "arguments": ""},
        });
        deltas.push(delta(json!({"tool_calls": [begin]}), None));
        for piece in words::pieces(&call.arguments) {
            let more = json!({"index": index, "function": {"arguments": piece}});
            deltas.push(delta(json!({"tool_calls": [more]}), None));
        }
    }
    deltas.push(delta(json!({}), Some(said.finish)));
    deltas
}

fn completion_deltas(said: &Said) -> Vec<Value> {
    let delta = |text: &str, finish: Option<&str>| json!({"text": text, "logprobs": null, "finish_reason": finish});
    let pieces = words::pieces(&said.text);
    let mut deltas: Vec<Value> = pieces.into_iter().map(|piece| delta(piece, None)).collect();
    deltas.push(delta("", Some(said.finish)));
    deltas
}
