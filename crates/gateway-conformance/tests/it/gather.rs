//! A stream as a client's SDK keeps it for the next turn: the whole reply that its pieces amount to.

use std::collections::BTreeMap;

use bytes::Bytes;
use gateway_conformance::Surface;
use gateway_dialect::event_stream::EventStreamScanner;
use serde_json::{Map, Value, json};

/// The whole reply.
pub(crate) fn gather(surface: Surface, stream: &[u8]) -> Value {
    match surface.name {
        "openai-responses" => responses(stream),
        "anthropic" => anthropic(stream),
        "gemini" => gemini(stream),
        "bedrock" => bedrock(stream),
        "cohere" => cohere(stream),
        _ => openai(stream),
    }
}

fn events(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

fn responses(stream: &[u8]) -> Value {
    let events = events(stream);
    let last = events.last().unwrap();
    let mut reply = last["response"].clone();
    // Clients such as Codex keep the items in the order in which they end, not the closing reply.
    let done = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done");
    reply["output"] = done.map(|event| event["item"].clone()).collect();
    reply
}

/// As OpenAI's SDK adds a delta to what it has: texts grow, entries of lists meet by their index.
fn add(known: &mut Value, delta: &Value) {
    match (known, delta) {
        (Value::Object(known), Value::Object(delta)) => {
            for (key, value) in delta {
                if value.is_null() {
                    continue;
                }
                let slot = known.entry(key.clone()).or_insert(Value::Null);
                if matches!(key.as_str(), "index" | "type" | "id" | "role" | "format") {
                    *slot = value.clone();
                } else {
                    add(slot, value);
                }
            }
        }
        (Value::String(known), Value::String(more)) => known.push_str(more),
        (Value::Array(known), Value::Array(more)) => {
            for entry in more {
                let same =
                    |it: &&mut Value| !entry["index"].is_null() && it["index"] == entry["index"];
                match known.iter_mut().find(same) {
                    Some(slot) => add(slot, entry),
                    None => known.push(entry.clone()),
                }
            }
        }
        (known, delta) => *known = delta.clone(),
    }
}

fn openai(stream: &[u8]) -> Value {
    let mut message = json!({"role": "assistant", "content": null});
    for event in events(stream) {
        if let Some(delta) = event["choices"].get(0).map(|choice| &choice["delta"]) {
            // A first piece is a list of its own; entries inside it may meet as well.
            let mut fresh = Value::Object(Map::new());
            add(&mut fresh, delta);
            add(&mut message, &fresh);
        }
    }
    json!({"choices": [{"index": 0, "message": message}]})
}

fn anthropic(stream: &[u8]) -> Value {
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    let mut pieces: BTreeMap<u64, String> = BTreeMap::new();
    for event in events(stream) {
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                blocks.insert(index, event["content_block"].clone());
            }
            "content_block_delta" => {
                let delta = event["delta"].as_object().unwrap();
                for (key, value) in delta.iter().filter(|(key, _)| *key != "type") {
                    if key == "partial_json" {
                        let piece = value.as_str().unwrap();
                        pieces.entry(index).or_default().push_str(piece);
                    } else if key == "signature" {
                        blocks.get_mut(&index).unwrap()["signature"] = value.clone();
                    } else {
                        add(&mut blocks.get_mut(&index).unwrap()[key], value);
                    }
                }
            }
            _ => {}
        }
    }
    for (index, json) in pieces.iter().filter(|(_, json)| !json.is_empty()) {
        blocks.get_mut(index).unwrap()["input"] = serde_json::from_str(json).unwrap();
    }
    json!({"content": blocks.into_values().collect::<Vec<_>>()})
}

/// As google-genai's chats keep it: the parts of all pieces, one after the other.
fn gemini(stream: &[u8]) -> Value {
    let parts: Vec<Value> = events(stream)
        .iter()
        .filter_map(|event| event["candidates"][0]["content"]["parts"].as_array())
        .flatten()
        .cloned()
        .collect();
    json!({"candidates": [{"content": {"role": "model", "parts": parts}}]})
}

fn bedrock(stream: &[u8]) -> Value {
    let mut scanner = EventStreamScanner::new();
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    let fed = scanner.feed(&Bytes::copy_from_slice(stream), |message| {
        let event: Value = serde_json::from_slice(message.payload).unwrap();
        let index = event["contentBlockIndex"].as_u64().unwrap_or_default();
        match message.header(":event-type") {
            Some("contentBlockStart") => {
                let mut start = event["start"].clone();
                start["toolUse"]["input"] = json!("");
                blocks.insert(index, start);
            }
            Some("contentBlockDelta") => {
                let block = blocks.entry(index).or_insert_with(|| json!({}));
                let delta = &event["delta"];
                match delta.get("reasoningContent") {
                    Some(thought) if thought.get("redactedContent").is_none() => {
                        add(&mut block["reasoningContent"]["reasoningText"], thought);
                    }
                    _ => add(block, delta),
                }
            }
            _ => {}
        }
    });
    assert!(fed.is_ok() && scanner.is_between_messages());
    let whole = |mut block: Value| {
        if let Some(json) = block["toolUse"]["input"].as_str().map(str::to_owned) {
            let input = serde_json::from_str(&json).unwrap_or_else(|_| json!({}));
            block["toolUse"]["input"] = input;
        } else if let Some(fields) = block.as_object_mut() {
            fields.remove("toolUse");
        }
        block
    };
    let content: Vec<Value> = blocks.into_values().map(whole).collect();
    json!({"output": {"message": {"role": "assistant", "content": content}}})
}

fn cohere(stream: &[u8]) -> Value {
    let mut message = json!({"role": "assistant"});
    for event in events(stream) {
        let index = &event["index"];
        let piece = &event["delta"]["message"];
        for key in ["content", "tool_calls"] {
            if let Some(entry) = piece.get(key).filter(|it| it.is_object()) {
                let mut entry = entry.clone();
                entry["index"] = index.clone();
                add(&mut message, &json!({key: [entry]}));
            }
        }
        if piece.get("tool_plan").is_some() {
            add(&mut message, &json!({"tool_plan": piece["tool_plan"]}));
        }
    }
    for key in ["content", "tool_calls"] {
        for entry in message[key].as_array_mut().into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("index");
        }
    }
    let fields = message.as_object_mut().unwrap();
    fields.retain(|_, value| !value.is_null());
    json!({ "message": message })
}
