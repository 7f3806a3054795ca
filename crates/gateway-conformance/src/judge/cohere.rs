//! Cohere v2 chat.

use serde_json::Value;

use super::{Reading, arguments, at, events, items, newer, text};

fn finish(word: &str) -> Option<String> {
    let class = match word {
        "" => return None,
        "COMPLETE" | "STOP_SEQUENCE" => "stop",
        "MAX_TOKENS" => "length",
        "TOOL_CALL" => "tools",
        "ERROR" | "ERROR_TOXIC" => "error",
        other => other,
    };
    Some(class.to_owned())
}

fn usage(read: &mut Reading, usage: &Value) {
    // Tokens as the model saw them; billed units where nothing else is stated.
    for units in ["billed_units", "tokens"] {
        let units = at(usage, units);
        newer(&mut read.input, &whole(at(units, "input_tokens")));
        newer(&mut read.output, &whole(at(units, "output_tokens")));
    }
}

/// Cohere writes counts as `12.0` now and then.
fn whole(value: &Value) -> Value {
    match value.as_f64() {
        Some(number) if value.as_u64().is_none() => {
            serde_json::from_str(&format!("{number:.0}")).unwrap_or(Value::Null)
        }
        _ => value.clone(),
    }
}

/// A whole reply.
pub fn cohere(reply: &Value) -> Reading {
    let message = at(reply, "message");
    let mut read = Reading {
        ended: true,
        ..Reading::default()
    };
    // The plan is what the model thinks before it calls.
    text(message, "tool_plan").clone_into(&mut read.thinking);
    for part in items(message, "content") {
        read.text += text(part, "text");
        read.thinking += text(part, "thinking");
    }
    for call in items(message, "tool_calls") {
        let function = at(call, "function");
        let given = arguments(text(function, "arguments"));
        read.calls.push((text(function, "name").to_owned(), given));
    }
    read.finish = finish(text(reply, "finish_reason"));
    usage(&mut read, at(reply, "usage"));
    read
}

/// A stream.
pub fn cohere_stream(bytes: &[u8]) -> Reading {
    let mut read = Reading::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    for event in events(bytes) {
        let delta = at(&event, "delta");
        let message = at(delta, "message");
        match text(&event, "type") {
            "content-start" | "content-delta" => {
                read.text += text(at(message, "content"), "text");
                read.thinking += text(at(message, "content"), "thinking");
            }
            "tool-plan-delta" => read.thinking += text(message, "tool_plan"),
            "tool-call-start" => {
                let function = at(at(message, "tool_calls"), "function");
                let name = text(function, "name").to_owned();
                calls.push((name, text(function, "arguments").to_owned()));
            }
            "tool-call-delta" => {
                if let Some((_, json)) = calls.last_mut() {
                    *json += text(at(at(message, "tool_calls"), "function"), "arguments");
                }
            }
            "message-end" => {
                read.finish = finish(text(delta, "finish_reason"));
                read.error |= read.finish.as_deref() == Some("error");
                usage(&mut read, at(delta, "usage"));
                read.ended = true;
            }
            _ => {}
        }
    }
    read.calls = calls
        .into_iter()
        .map(|(name, json)| (name, arguments(&json)))
        .collect();
    read
}
