//! Anthropic Messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Reading, arguments, at, events, items, newer, text};

fn finish(word: &str) -> Option<String> {
    let class = match word {
        "" => return None,
        "end_turn" | "stop_sequence" | "stop" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tools",
        "refusal" => "filter",
        other => other,
    };
    Some(class.to_owned())
}

#[derive(Default)]
struct Counts {
    fresh: Option<u64>,
    written: Option<u64>,
    read: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    fn add(&mut self, usage: &Value) {
        newer(&mut self.fresh, at(usage, "input_tokens"));
        newer(&mut self.written, at(usage, "cache_creation_input_tokens"));
        newer(&mut self.read, at(usage, "cache_read_input_tokens"));
        newer(&mut self.output, at(usage, "output_tokens"));
    }

    fn tell(&self, read: &mut Reading) {
        read.input = self
            .fresh
            .map(|fresh| fresh + self.written.unwrap_or(0) + self.read.unwrap_or(0));
        read.output = self.output;
        read.cached = self.read;
    }
}

fn block(read: &mut Reading, block: &Value, given: &Value) {
    match text(block, "type") {
        "text" => read.text += text(block, "text"),
        "thinking" => {
            read.thinking += text(block, "thinking");
            if !text(block, "signature").is_empty() {
                read.proofs.push(text(block, "signature").to_owned());
            }
        }
        "redacted_thinking" => read.proofs.push(text(block, "data").to_owned()),
        "tool_use" => read
            .calls
            .push((text(block, "name").to_owned(), given.clone())),
        _ => {}
    }
}

/// A whole message.
pub fn anthropic(reply: &Value) -> Reading {
    let mut read = Reading {
        error: text(reply, "type") == "error",
        ended: true,
        ..Reading::default()
    };
    for one in items(reply, "content") {
        block(&mut read, one, at(one, "input"));
    }
    read.finish = finish(text(reply, "stop_reason"));
    text(at(reply, "stop_details"), "explanation").clone_into(&mut read.refusal);
    let mut counts = Counts::default();
    counts.add(at(reply, "usage"));
    counts.tell(&mut read);
    read
}

/// A stream.
pub fn anthropic_stream(bytes: &[u8]) -> Reading {
    let mut read = Reading::default();
    let mut counts = Counts::default();
    let mut blocks: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for event in events(bytes) {
        let index = at(&event, "index").as_u64().unwrap_or(0);
        match text(&event, "type") {
            "error" => read.error = true,
            "message_start" => counts.add(at(at(&event, "message"), "usage")),
            "message_delta" => {
                counts.add(at(&event, "usage"));
                let word = text(at(&event, "delta"), "stop_reason");
                read.finish = finish(word).or(read.finish.take());
                let details = at(at(&event, "delta"), "stop_details");
                read.refusal += text(details, "explanation");
            }
            "message_stop" => read.ended = true,
            "content_block_start" => {
                blocks.insert(index, (at(&event, "content_block").clone(), String::new()));
            }
            "content_block_delta" => {
                if let Some((block, json)) = blocks.get_mut(&index) {
                    let delta = at(&event, "delta");
                    json.push_str(text(delta, "partial_json"));
                    for key in ["text", "thinking", "signature"] {
                        let joined = format!("{}{}", text(block, key), text(delta, key));
                        if !joined.is_empty()
                            && let Value::Object(fields) = block
                        {
                            fields.insert(key.to_owned(), Value::from(joined));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for (one, json) in blocks.values() {
        let given = if json.is_empty() {
            at(one, "input").clone()
        } else {
            arguments(json)
        };
        block(&mut read, one, &given);
    }
    counts.tell(&mut read);
    read
}
