//! The quirks of recorded traffic, one test each, on written fixtures. The numbers are those of
//! `docs/reference/quirks.md`.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;
mod others;
mod tools;

use gateway_conformance::judge::Reading;
use gateway_conformance::{Asked, Family, Surface, ask};
use gateway_schema::CallError;
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

/// What a client got.
struct Got {
    says: Reading,
    /// The bytes, as text.
    text: String,
    asked: Asked,
}

impl Got {
    fn losses(&self) -> String {
        format!("{:?}", self.asked.reply_losses)
    }
}

fn asked(surface: &str, family: &str, stream: bool, reply: ScriptedReply) -> Asked {
    let surface = Surface::named(surface).unwrap();
    let family = Family::named(family).unwrap();
    ask(surface, family, &(surface.question)(stream), stream, reply)
}

fn got(surface: &str, family: &str, stream: bool, reply: ScriptedReply) -> Got {
    let asked = asked(surface, family, stream, reply);
    let bytes = match &asked.answer {
        Ok(bytes) => bytes.clone(),
        Err((_, error)) => panic!("{error} {:?}", error.detail()),
    };
    let surface = Surface::named(surface).unwrap();
    let says = if stream {
        (surface.read_stream)(&bytes)
    } else {
        (surface.read)(&serde_json::from_slice(&bytes).unwrap())
    };
    Got {
        says,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        asked,
    }
}

/// A stream of `family` for a client of another dialect.
fn streamed(family: &str, body: impl Into<bytes::Bytes>) -> Got {
    got(other(family), family, true, ScriptedReply::sse(body))
}

/// A whole answer of `family` for a client of another dialect.
fn whole(family: &str, body: &Value) -> Got {
    got(other(family), family, false, ScriptedReply::json(200, body))
}

/// The error in place of an answer, or at its end.
fn failed(family: &str, stream: bool, reply: ScriptedReply) -> CallError {
    let asked = asked(other(family), family, stream, reply);
    match asked.answer {
        Ok(bytes) => panic!("no error: {}", String::from_utf8_lossy(&bytes)),
        Err((_, error)) => error,
    }
}

/// A client dialect that is not the family's own.
fn other(family: &str) -> &'static str {
    match family {
        "anthropic" | "gemini" | "bedrock-claude" | "cohere" => "openai",
        _ => "anthropic",
    }
}

/// Server-sent events with `[DONE]` at the end.
fn sse(events: &[Value]) -> String {
    open_sse(events) + "data: [DONE]\n\n"
}

/// Server-sent events without an end.
fn open_sse(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect()
}

/// An OpenAI chunk.
fn delta(delta: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta}]})
}

/// The OpenAI chunk that ends an answer.
fn ends(word: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": word}]})
}

/// An OpenAI answer with this message.
fn message(message: &Value, finish: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})
}

/// `weather` called for a city.
fn weather(city: &str) -> (String, Value) {
    ("weather".to_owned(), json!({"city": city}))
}
