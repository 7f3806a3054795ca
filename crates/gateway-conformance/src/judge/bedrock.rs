//! Bedrock Converse, and AWS event streams without a look at their checksums.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Reading, arguments, at, items, newer, text};

fn finish(word: &str, calls: bool) -> Option<String> {
    let class = match word {
        "" => return None,
        // Some models say so although they call tools.
        "end_turn" | "stop_sequence" if calls => "tools",
        "end_turn" | "stop_sequence" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tools",
        "guardrail_intervened" | "content_filtered" => "filter",
        other => other,
    };
    Some(class.to_owned())
}

fn usage(read: &mut Reading, usage: &Value) {
    newer(&mut read.input, at(usage, "inputTokens"));
    newer(&mut read.output, at(usage, "outputTokens"));
    newer(&mut read.cached, at(usage, "cacheReadInputTokens"));
    // The service counts what a cache holds apart.
    let apart = ["cacheReadInputTokens", "cacheWriteInputTokens"];
    let apart: u64 = apart.iter().filter_map(|key| at(usage, key).as_u64()).sum();
    read.input = read.input.map(|input| input + apart);
}

fn block(read: &mut Reading, block: &Value) {
    read.text += text(block, "text");
    for part in items(at(block, "citationsContent"), "content") {
        read.text += text(part, "text");
    }
    let reasoning = at(block, "reasoningContent");
    let thought = at(reasoning, "reasoningText");
    read.thinking += text(thought, "text");
    for proof in [
        text(thought, "signature"),
        text(reasoning, "redactedContent"),
    ] {
        if !proof.is_empty() {
            read.proofs.push(proof.to_owned());
        }
    }
    let call = at(block, "toolUse");
    if call.is_object() && text(call, "type") != "server_tool_use" {
        let name = text(call, "name").to_owned();
        read.calls.push((name, at(call, "input").clone()));
    }
}

/// A whole reply.
pub fn bedrock(reply: &Value) -> Reading {
    let mut read = Reading {
        ended: true,
        ..Reading::default()
    };
    for one in items(at(at(reply, "output"), "message"), "content") {
        block(&mut read, one);
    }
    read.finish = finish(text(reply, "stopReason"), !read.calls.is_empty());
    usage(&mut read, at(reply, "usage"));
    read
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

/// The messages of an event stream: the name of the event or exception, and the payload.
fn messages(mut bytes: &[u8]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    while let (Some(total), Some(headers)) = (number(bytes, 0), number(bytes, 4)) {
        let (Some(names), Some(payload)) = (
            bytes.get(12..12 + headers),
            bytes.get(12 + headers..total.saturating_sub(4)),
        ) else {
            break;
        };
        let names = String::from_utf8_lossy(names);
        let name = [":event-type", ":exception-type"]
            .iter()
            .find_map(|key| names.split_once(key))
            .map(|(_, rest)| {
                // Type 7, two bytes of length, then the text up to the next header's length byte.
                let rest = rest.get(3..).unwrap_or_default();
                rest.chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect::<String>()
            });
        let payload = serde_json::from_slice(payload).unwrap_or(Value::Null);
        found.push((name.unwrap_or_default(), payload));
        bytes = bytes.get(total..).unwrap_or_default();
    }
    found
}

/// A stream.
pub fn bedrock_stream(bytes: &[u8]) -> Reading {
    #[derive(Default)]
    struct Block {
        text: String,
        thinking: String,
        proof: String,
        call: Option<(String, String)>,
    }
    let mut read = Reading::default();
    let mut blocks: BTreeMap<u64, Block> = BTreeMap::new();
    let mut word = String::new();
    for (name, event) in messages(bytes) {
        let index = at(&event, "contentBlockIndex").as_u64().unwrap_or(0);
        match name.as_str() {
            "contentBlockStart" => {
                let call = at(at(&event, "start"), "toolUse");
                if call.is_object() && text(call, "type") != "server_tool_use" {
                    let name = text(call, "name").to_owned();
                    blocks.entry(index).or_default().call = Some((name, String::new()));
                }
            }
            "contentBlockDelta" => {
                let block = blocks.entry(index).or_default();
                let delta = at(&event, "delta");
                block.text += text(delta, "text");
                let reasoning = at(delta, "reasoningContent");
                block.thinking += text(reasoning, "text");
                block.proof += text(reasoning, "signature");
                block.proof += text(reasoning, "redactedContent");
                if let Some((_, json)) = &mut block.call {
                    *json += text(at(delta, "toolUse"), "input");
                }
            }
            "messageStop" => {
                text(&event, "stopReason").clone_into(&mut word);
                read.ended = true;
            }
            "metadata" => usage(&mut read, at(&event, "usage")),
            other if other.ends_with("Exception") => read.error = true,
            _ => {}
        }
    }
    for block in blocks.into_values() {
        read.text += &block.text;
        read.thinking += &block.thinking;
        if !block.proof.is_empty() {
            read.proofs.push(block.proof);
        }
        if let Some((name, json)) = block.call {
            read.calls.push((name, arguments(&json)));
        }
    }
    read.finish = finish(&word, !read.calls.is_empty());
    read
}
