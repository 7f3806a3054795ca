//! Tests on recorded traffic and on made-up values.

mod client;
mod corpus;
mod observe;
mod property;
mod requests;
mod streams;
mod v1;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gateway_schema::CallError;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame, FrameData};
use serde_json::Value;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A recorded exchange.
struct Exchange {
    name: String,
    value: Value,
}

impl Exchange {
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

    fn is_stream(&self) -> bool {
        self.reply().is_string()
    }

    /// True when it went to this path.
    fn is(&self, path: &str) -> bool {
        let url = self.value["request"]["url"].as_str().unwrap_or_default();
        url.ends_with(path)
    }
}

/// Recorded exchanges with a path; empty, with a message, where the corpus is absent.
fn corpus(path: &str) -> Vec<Exchange> {
    let mut found = Vec::new();
    let folder = workspace().join("../shared/corpus/cohere");
    if let Ok(entries) = std::fs::read_dir(&folder) {
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.push(Exchange { name, value });
        }
    }
    found.retain(|exchange| exchange.is(path));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if found.is_empty() {
        eprintln!("skipped: corpus absent");
    }
    found
}

fn json(bytes: &[u8]) -> Value {
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
) -> (Vec<StreamEvent>, Option<CallError>) {
    let mut frames = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        let piece = Bytes::copy_from_slice(&stream[from..to]);
        if let Err(error) = decoder.feed(piece, &mut frames) {
            return (events(frames), Some(error));
        }
        from = to;
    }
    let end = decoder.end(&mut frames).err();
    (events(frames), end)
}
