//! Gemini `generateContent`.

use serde_json::Value;

use super::{Reading, at, events, items, newer, text};

fn finish(value: &Value, calls: bool) -> Option<String> {
    let class = match value {
        Value::Null => return None,
        Value::Number(number) if number.as_u64() == Some(1) => "STOP",
        Value::String(word) => word,
        _ => "OTHER",
    };
    Some(
        match class {
            "STOP" if calls => "tools",
            "STOP" => "stop",
            "MAX_TOKENS" => "length",
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "MODEL_ARMOR" | "IMAGE_SAFETY" => "filter",
            other => other,
        }
        .to_owned(),
    )
}

/// Adds one piece; a whole reply is one piece.
fn add(read: &mut Reading, piece: &Value, ended: &mut Value) {
    read.error |= at(piece, "error").is_object();
    if !text(at(piece, "promptFeedback"), "blockReason").is_empty() {
        read.finish = Some("filter".to_owned());
        read.ended = true;
    }
    let usage = at(piece, "usageMetadata");
    let number = |key: &str| at(usage, key).as_u64();
    if usage.is_object() {
        let tools = number("toolUsePromptTokenCount").unwrap_or(0);
        read.input = number("promptTokenCount")
            .map(|count| count + tools)
            .or(read.input);
        let candidates = number("candidatesTokenCount");
        let thoughts = number("thoughtsTokenCount");
        if candidates.is_some() || thoughts.is_some() {
            read.output = Some(candidates.unwrap_or(0) + thoughts.unwrap_or(0));
        }
        newer(&mut read.cached, at(usage, "cachedContentTokenCount"));
    }
    let Some(candidate) =
        items(piece, "candidates").find(|one| at(one, "index").as_u64().unwrap_or(0) == 0)
    else {
        return;
    };
    for part in items(at(candidate, "content"), "parts") {
        if at(part, "thought") == &Value::Bool(true) {
            read.thinking += text(part, "text");
        } else {
            read.text += text(part, "text");
        }
        if !text(part, "thoughtSignature").is_empty() {
            read.proofs.push(text(part, "thoughtSignature").to_owned());
        }
        let call = at(part, "functionCall");
        if call.is_object() {
            let given = match at(call, "args") {
                Value::Null => Value::Object(serde_json::Map::new()),
                given => given.clone(),
            };
            read.calls.push((text(call, "name").to_owned(), given));
        }
    }
    if !at(candidate, "finishReason").is_null() {
        *ended = at(candidate, "finishReason").clone();
    }
}

fn read(pieces: &[Value]) -> Reading {
    let mut read = Reading::default();
    let mut ended = Value::Null;
    for piece in pieces {
        add(&mut read, piece, &mut ended);
    }
    if let Some(found) = finish(&ended, !read.calls.is_empty()) {
        read.finish = Some(found);
        read.ended = true;
    }
    read
}

/// A whole reply.
pub fn gemini(reply: &Value) -> Reading {
    read(std::slice::from_ref(reply))
}

/// A stream, of events or as one JSON array.
pub fn gemini_stream(bytes: &[u8]) -> Reading {
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(pieces)) => read(&pieces),
        Ok(piece) => read(&[piece]),
        Err(_) => read(&events(bytes)),
    }
}
