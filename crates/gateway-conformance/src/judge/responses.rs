//! OpenAI Responses.

use serde_json::Value;

use super::{Reading, arguments, at, events, items, newer, text};

/// A whole response.
pub fn responses(reply: &Value) -> Reading {
    let mut read = Reading {
        error: at(reply, "error").is_object(),
        ended: true,
        ..Reading::default()
    };
    for item in items(reply, "output") {
        match text(item, "type") {
            "message" => {
                for part in items(item, "content") {
                    read.text += text(part, "text");
                    read.refusal += text(part, "refusal");
                }
            }
            "reasoning" => {
                for part in items(item, "summary").chain(items(item, "content")) {
                    read.thinking += text(part, "text");
                }
                if !text(item, "encrypted_content").is_empty() {
                    let proof = text(item, "encrypted_content");
                    read.proofs.push(proof.to_owned());
                }
            }
            "function_call" => {
                let given = arguments(text(item, "arguments"));
                read.calls.push((text(item, "name").to_owned(), given));
            }
            _ => {}
        }
    }
    let why = text(at(reply, "incomplete_details"), "reason");
    read.finish = match (text(reply, "status"), why) {
        ("incomplete", "max_output_tokens") => Some("length".to_owned()),
        ("incomplete", "content_filter") => Some("filter".to_owned()),
        ("completed", _) if read.calls.is_empty() => Some("stop".to_owned()),
        ("completed", _) => Some("tools".to_owned()),
        (other, _) => Some(other.to_owned()),
    };
    let usage = at(reply, "usage");
    newer(&mut read.input, at(usage, "input_tokens"));
    newer(&mut read.output, at(usage, "output_tokens"));
    let details = at(usage, "input_tokens_details");
    newer(&mut read.cached, at(details, "cached_tokens"));
    read
}

/// A stream: its deltas, and the closing response for what deltas do not say.
pub fn responses_stream(bytes: &[u8]) -> Reading {
    let mut last = Value::Null;
    let (mut said, mut thought, mut failed) = (String::new(), String::new(), false);
    for event in events(bytes) {
        match text(&event, "type") {
            "response.output_text.delta" => said += text(&event, "delta"),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                thought += text(&event, "delta");
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                last = at(&event, "response").clone();
            }
            "error" => failed = true,
            _ => {}
        }
    }
    let mut read = responses(&last);
    read.ended = !last.is_null();
    read.error |= failed;
    // Deltas and the closing response must say the same.
    if read.text != said {
        read.text = format!("{said} is not {}", read.text);
    }
    if read.thinking != thought {
        read.thinking = format!("{thought} is not {}", read.thinking);
    }
    read
}
