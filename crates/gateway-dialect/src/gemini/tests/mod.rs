//! Tests on recorded traffic, on MLflow's recordings, and on made-up values.

mod corpus;
mod embeddings;
mod errors;
mod mlflow;
mod property;
mod reader;
mod replies;
mod requests;
mod streams;

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::stream::{Decode, Encode, Frame, FrameData};
use gateway_schema::{CallError, Operation, Request};
use serde_json::Value;

use super::stream::{StreamDecoder, StreamEncoder};
use super::{Framing, GeminiCodec, encode_chat};
use crate::{ClientCodec, EncodedRequest, ReplyInfo, RequestOptions};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A recorded exchange.
struct Exchange {
    name: String,
    value: Value,
}

impl Exchange {
    fn request(&self) -> &Value {
        &self.value["request"]["body"]
    }

    fn status(&self) -> u16 {
        u16::try_from(self.value["response"]["status"].as_u64().unwrap()).unwrap()
    }

    fn reply(&self) -> &Value {
        &self.value["response"]["body"]
    }

    /// The bytes of the reply.
    fn bytes(&self) -> Vec<u8> {
        match self.reply() {
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        }
    }

    fn is(&self, operation: &str) -> bool {
        self.value["operation"] == operation
    }
}

/// Recorded exchanges with Gemini; empty, with a message, where the corpus is absent.
fn corpus() -> Vec<Exchange> {
    let mut found = Vec::new();
    for folder in ["gemini", "vertex"] {
        let folder = workspace().join("../shared/corpus").join(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push(Exchange { name, value });
        }
    }
    found.retain(|x| x.is("generate_content") || x.is("count_tokens") || x.is("embeddings"));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if found.is_empty() {
        eprintln!("skipped: corpus absent");
    }
    found
}

fn info() -> ReplyInfo {
    ReplyInfo::new(
        "configured",
        "gemini",
        "0123456789abcdef0123456789abcdef",
        1,
    )
}

fn decode(body: &Value) -> Result<ChatRequest, CallError> {
    decode_for(Operation::Chat, body)
}

fn decode_for(operation: Operation, body: &Value) -> Result<ChatRequest, CallError> {
    match GeminiCodec::EVENTS
        .decode(operation, body.to_string().as_bytes())?
        .value
    {
        Request::Chat(chat) => Ok(*chat),
        other => panic!("not a chat: {other:?}"),
    }
}

fn encode(request: &ChatRequest, model: &str) -> EncodedRequest {
    encode_chat(request, &RequestOptions::new(model)).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn events(frames: Vec<Frame>) -> Vec<StreamEvent> {
    groups(frames).into_iter().flatten().collect()
}

fn groups(frames: Vec<Frame>) -> Vec<Vec<StreamEvent>> {
    frames
        .into_iter()
        .filter_map(|frame| match frame.data {
            FrameData::Events(events) => Some(events),
            FrameData::Raw(_) => None,
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

fn encode_stream(groups: &[Vec<StreamEvent>], framing: Framing) -> String {
    let mut encoder = StreamEncoder::new(&info(), framing);
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}
