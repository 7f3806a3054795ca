//! Tests on recorded traffic, and on made-up values.

mod corpus;
mod errors;
mod invoke;
mod property;
mod requests;
mod streams;

use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::{CallError, Operation, Request};
use serde_json::{Map, Value, json};

use super::stream::{StreamDecoder, StreamEncoder};
use super::{BedrockCodec, encode_chat};
use crate::event_stream::EventStreamScanner;
use crate::testing::corpus::{Exchange, recorded};
use crate::testing::streams::{events, feed, written};
use crate::{ClientCodec, EncodedRequest, RequestOptions};

/// Recorded exchanges with Bedrock.
fn corpus() -> Vec<Exchange> {
    recorded(&["bedrock"], |_| true)
}

/// The bytes of a recorded event stream.
fn stream_of(exchange: &Exchange) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(exchange.bytes())
        .unwrap()
}

fn decode(body: &Value) -> Result<ChatRequest, CallError> {
    match BedrockCodec
        .decode(Operation::Chat, body.to_string().as_bytes())?
        .value
    {
        Request::Chat(chat) => Ok(*chat),
        other => panic!("not a chat: {other:?}"),
    }
}

fn encode(request: &ChatRequest, model: &str) -> EncodedRequest {
    encode_chat(request, &RequestOptions::new(model)).unwrap()
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn decode_stream(stream: &[u8]) -> Vec<StreamEvent> {
    let (frames, error) = feed(&mut StreamDecoder::new(), stream, &[]);
    assert_eq!(error, None);
    events(frames)
}

fn encode_stream(groups: &[Vec<StreamEvent>]) -> Vec<u8> {
    let mut encoder = StreamEncoder::new();
    written(&mut encoder, groups)
}

/// A second reading of streams, as simple as can be: the reply that a client puts together.
fn reply_of(stream: &[u8]) -> Value {
    let mut reply = json!({"output": {"message": {"role": "assistant", "content": []}}});
    let mut blocks: Vec<Value> = Vec::new();
    EventStreamScanner::new()
        .feed(stream, |message| {
            let event = parsed(message.payload);
            let index = usize::try_from(event["contentBlockIndex"].as_u64().unwrap_or(0)).unwrap();
            match message.header(":event-type").unwrap() {
                "contentBlockStart" => {
                    assert_eq!(blocks.len(), index, "blocks come in order");
                    blocks.push(event["start"].clone());
                }
                "contentBlockDelta" => {
                    if blocks.len() == index {
                        blocks.push(json!({}));
                    }
                    apply(&mut blocks[index], &event["delta"]);
                }
                "messageStop" => reply["stopReason"] = event["stopReason"].clone(),
                "metadata" => {
                    for (key, value) in event.as_object().unwrap() {
                        reply[key] = value.clone();
                    }
                }
                _ => {}
            }
        })
        .unwrap();
    for block in &mut blocks {
        if let Some(input) = block["toolUse"].get("partial") {
            block["toolUse"]["input"] = serde_json::from_str(input.as_str().unwrap()).unwrap();
            block["toolUse"].as_object_mut().unwrap().remove("partial");
        } else if block.get("toolUse").is_some() {
            block["toolUse"]["input"] = json!({});
        }
    }
    reply["output"]["message"]["content"] = blocks.into();
    plain(&reply)
}

fn append(slot: &mut Value, text: &Value) {
    let before = slot.as_str().unwrap_or_default().to_owned();
    *slot = Value::String(before + text.as_str().unwrap());
}

fn apply(block: &mut Value, delta: &Value) {
    if let Some(text) = delta.get("text") {
        append(&mut block["text"], text);
    }
    if let Some(input) = delta.pointer("/toolUse/input") {
        append(&mut block["toolUse"]["partial"], input);
    }
    if let Some(pieces) = delta.get("toolResult") {
        block["toolResult"]["content"] = pieces.clone();
    }
    for key in ["text", "signature", "redactedContent"] {
        if let Some(piece) = delta.pointer(&format!("/reasoningContent/{key}")) {
            append(&mut block["reasoningContent"][key], piece);
        }
    }
    if let Some(citation) = delta.get("citation") {
        if !block["citations"].is_array() {
            block["citations"] = json!([]);
        }
        block["citations"]
            .as_array_mut()
            .unwrap()
            .push(citation.clone());
    }
}

/// What a document says, without what means nothing: see the list in the documentation of the module.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                let value = plain(value);
                let is_void = match &value {
                    Value::Null => true,
                    Value::Array(items) => items.is_empty(),
                    Value::Object(inner) => {
                        inner.is_empty() && !["auto", "any", "input"].contains(&key.as_str())
                    }
                    _ => false,
                };
                let is_noise = matches!(
                    key.as_str(),
                    "p" | "metrics"
                        | "cacheReadInputTokenCount"
                        | "cacheWriteInputTokenCount"
                        | "serverToolUsage"
                ) || (key == "type" && value == "tool_use")
                    || (key == "status" && value == "success" && !fields.contains_key("type"));
                if !is_void && !is_noise {
                    out.insert(key.clone(), value);
                }
            }
            // JSON in a tool result becomes its text.
            if out.len() == 1
                && let Some(inner) = out.get("json")
                && !out.contains_key("name")
                && fields.len() == 1
                && !inner
                    .as_object()
                    .is_some_and(|inner| inner.contains_key("type"))
            {
                return json!({"text": inner.to_string()});
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(
            items
                .iter()
                .filter(|item| **item != json!({"text": ""}))
                .map(plain)
                .collect(),
        ),
        Value::Number(number) => number.as_f64().map_or(Value::Null, |number| json!(number)),
        other => other.clone(),
    }
}
