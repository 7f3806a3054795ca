//! Tests on recorded traffic, and on made-up values.

mod corpus;
mod errors;
mod invoke;
mod property;
mod requests;
mod streams;

use std::path::Path;

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::stream::{Decode, Encode, Frame, FrameData};
use gateway_schema::{CallError, Operation, Request};
use serde_json::{Map, Value, json};

use super::stream::{StreamDecoder, StreamEncoder};
use super::{BedrockCodec, encode_chat};
use crate::event_stream::EventStreamScanner;
use crate::{ClientCodec, EncodedRequest, RequestOptions};

/// A recorded exchange.
struct Exchange {
    name: String,
    value: Value,
}

impl Exchange {
    fn request(&self) -> &Value {
        &self.value["request"]["body"]
    }

    fn status(&self) -> u64 {
        self.value["response"]["status"].as_u64().unwrap()
    }

    fn reply(&self) -> &Value {
        &self.value["response"]["body"]
    }

    fn is(&self, operation: &str) -> bool {
        self.value["operation"] == operation
    }

    fn model(&self) -> &str {
        self.value["model"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.value["response"]["headers"][name].as_str()
    }

    /// The bytes of a recorded event stream.
    fn stream(&self) -> Vec<u8> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(self.reply().as_str().unwrap())
            .unwrap()
    }
}

/// Recorded exchanges with Bedrock; empty, with a message, where the corpus is absent.
fn corpus() -> Vec<Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/bedrock");
    let mut found = Vec::new();
    if let Ok(entries) = std::fs::read_dir(&folder) {
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push(Exchange { name, value });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if found.is_empty() {
        eprintln!("skipped: corpus absent");
    }
    found
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

fn events(frames: Vec<Frame>) -> Vec<StreamEvent> {
    frames
        .into_iter()
        .flat_map(|frame| match frame.data {
            FrameData::Events(events) => events,
            FrameData::Raw(_) => Vec::new(),
        })
        .collect()
}

/// Feeds a stream cut at `cuts`.
fn feed(
    decoder: &mut dyn Decode,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Frame>, Option<CallError>) {
    let mut frames = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        let piece = Bytes::copy_from_slice(&stream[from..to]);
        if let Err(error) = decoder.feed(piece, &mut frames) {
            return (frames, Some(error));
        }
        from = to;
    }
    let end = decoder.end(&mut frames).err();
    (frames, end)
}

fn decode_stream(stream: &[u8]) -> Vec<StreamEvent> {
    let (frames, error) = feed(&mut StreamDecoder::new(), stream, &[]);
    assert_eq!(error, None);
    events(frames)
}

fn encode_stream(groups: &[Vec<StreamEvent>]) -> Vec<u8> {
    let mut encoder = StreamEncoder::new();
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    out.to_vec()
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
