//! OpenAI chat completions, and everything that imitates them.

use serde_json::Value;

use super::{Reading, arguments, at, events, items, newer, says_done, text};

fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|part| text(part, "text")).collect(),
        Value::Object(_) => value.to_string(),
        _ => String::new(),
    }
}

fn thinking(message: &Value) -> String {
    let named = ["reasoning_content", "reasoning"]
        .iter()
        .map(|key| text(message, key))
        .find(|text| !text.is_empty());
    if let Some(found) = named {
        return found.to_owned();
    }
    let details: String = items(message, "reasoning_details")
        .map(|detail| text(detail, "text"))
        .collect();
    if !details.is_empty() {
        return details;
    }
    items(message, "content")
        .filter_map(|part| match at(part, "thinking") {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => Some(parts.iter().map(|part| text(part, "text")).collect()),
            _ => None,
        })
        .collect()
}

fn proofs(message: &Value, out: &mut Vec<String>) {
    for detail in items(message, "reasoning_details") {
        for key in ["signature", "data"] {
            if !text(detail, key).is_empty() {
                out.push(text(detail, key).to_owned());
            }
        }
    }
    for call in items(message, "tool_calls") {
        let google = at(at(call, "extra_content"), "google");
        if !text(google, "thought_signature").is_empty() {
            out.push(text(google, "thought_signature").to_owned());
        }
    }
}

fn usage(read: &mut Reading, usage: &Value) {
    newer(&mut read.input, at(usage, "prompt_tokens"));
    newer(&mut read.output, at(usage, "completion_tokens"));
    let details = at(usage, "prompt_tokens_details");
    newer(&mut read.cached, at(details, "cached_tokens"));
}

fn finish(word: &str, calls: bool) -> Option<String> {
    let class = match word {
        "" if calls => "tools",
        "" => return None,
        "eos" => "stop",
        "tool_calls" | "function_call" => "tools",
        "content_filter" => "filter",
        other => other,
    };
    Some(class.to_owned())
}

/// A whole reply.
pub fn openai(reply: &Value) -> Reading {
    let mut read = Reading {
        error: at(reply, "error").is_object(),
        ended: true,
        ..Reading::default()
    };
    usage(&mut read, at(reply, "usage"));
    let Some(choice) = items(reply, "choices").next() else {
        return read;
    };
    let message = at(choice, "message");
    read.text = content(at(message, "content"));
    read.thinking = thinking(message);
    text(message, "refusal").clone_into(&mut read.refusal);
    proofs(message, &mut read.proofs);
    for call in items(message, "tool_calls") {
        let function = at(call, "function");
        let given = match at(function, "arguments") {
            Value::String(text) => arguments(text),
            other => other.clone(),
        };
        read.calls.push((text(function, "name").to_owned(), given));
    }
    let legacy = at(message, "function_call");
    if !text(legacy, "name").is_empty() {
        let given = arguments(text(legacy, "arguments"));
        read.calls.push((text(legacy, "name").to_owned(), given));
        read.legacy = true;
    }
    read.finish = finish(text(choice, "finish_reason"), !read.calls.is_empty());
    read
}

#[derive(Default)]
struct Slot {
    index: Value,
    id: Value,
    name: String,
    arguments: String,
}

fn add_call(slots: &mut Vec<Slot>, call: &Value) {
    let (index, id) = (at(call, "index"), at(call, "id"));
    let known = slots.iter_mut().find(|slot| {
        if index.is_null() {
            !id.is_null() && slot.id == *id
        } else {
            slot.index == *index
        }
    });
    let function = at(call, "function");
    let piece = content(at(function, "arguments"));
    match known {
        Some(slot) => slot.arguments += &piece,
        None => slots.push(Slot {
            index: index.clone(),
            id: id.clone(),
            name: text(function, "name").to_owned(),
            arguments: piece,
        }),
    }
}

/// A stream.
pub fn openai_stream(bytes: &[u8]) -> Reading {
    let mut read = Reading {
        ended: says_done(bytes),
        ..Reading::default()
    };
    let mut slots = Vec::new();
    for event in events(bytes) {
        read.error |= at(&event, "error").is_object();
        usage(&mut read, at(at(&event, "x_groq"), "usage"));
        usage(&mut read, at(&event, "usage"));
        for choice in items(&event, "choices") {
            if at(choice, "index").as_u64().unwrap_or(0) != 0 {
                continue;
            }
            let delta = at(choice, "delta");
            read.text += &content(at(delta, "content"));
            read.thinking += &thinking(delta);
            read.refusal += text(delta, "refusal");
            proofs(delta, &mut read.proofs);
            items(delta, "tool_calls").for_each(|call| add_call(&mut slots, call));
            if let Some(found) = finish(text(choice, "finish_reason"), !slots.is_empty()) {
                read.finish = Some(found);
            }
        }
    }
    read.calls = slots
        .into_iter()
        .map(|slot| (slot.name, arguments(&slot.arguments)))
        .collect();
    // A snowflake ends calls with an empty word.
    if read.finish.is_none() && !read.calls.is_empty() {
        read.finish = Some("tools".to_owned());
    }
    read
}

/// A stream of MLflow's: the same without a terminator.
pub fn mlflow_stream(bytes: &[u8]) -> Reading {
    let mut read = openai_stream(bytes);
    read.ended = read.finish.is_some();
    read
}
