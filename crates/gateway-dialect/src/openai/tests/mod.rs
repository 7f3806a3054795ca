//! Tests on recorded traffic, on canonical values made at random, and on what clients send wrong.

mod corpus;
mod errors;
mod property;
mod reader;
mod requests;
mod streams;

use std::path::Path;

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Encode, Facts, Frame, FrameData};
use serde_json::Value;

use super::{Quirks, ReasoningField};
use crate::ReplyInfo;

/// Everything that any vendor takes.
const EVERYTHING: Quirks = Quirks::OPENAI
    .with_refused(&[])
    .with_refused_parts(&[])
    .with_signatures(true)
    .with_cache_control(true)
    .with_reasoning(ReasoningField::Details);

/// Vendors that say `chat/completions` and mean it.
const NOT_OPENAI_LIKE: [&str; 4] = ["anthropic", "bedrock", "cohere", "vertex"];

/// One recorded exchange.
struct Exchange {
    name: String,
    value: Value,
}

impl Exchange {
    fn request(&self) -> &Value {
        &self.value["request"]["body"]
    }

    fn reply(&self) -> &Value {
        &self.value["response"]["body"]
    }

    fn stream(&self) -> Option<Bytes> {
        let text = self.reply().as_str()?;
        Some(Bytes::from(text.to_owned()))
    }
}

/// Recorded exchanges of an operation with OpenAI-like providers and this status.
fn corpus(operation: &str, is_good: bool) -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let Ok(folders) = std::fs::read_dir(&root) else {
        eprintln!("skipped: corpus absent");
        return Vec::new();
    };
    let mut found = Vec::new();
    for folder in folders.flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let value: Value =
                serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
            let provider = value["provider"].as_str().unwrap();
            let url = value["request"]["url"].as_str().unwrap();
            let path = match operation {
                "chat" => "/chat/completions",
                "completions" => "/completions",
                _ => "/embeddings",
            };
            let status = value["response"]["status"].as_u64().unwrap();
            if value["operation"] == operation
                && !NOT_OPENAI_LIKE.contains(&provider)
                && !url.contains("/organization/")
                && url.split('?').next().unwrap().ends_with(path)
                && (status == 200) == is_good
            {
                let name = format!("{provider}/{}", file.file_name().to_string_lossy());
                found.push(Exchange { name, value });
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn info() -> ReplyInfo {
    ReplyInfo::new(
        "model",
        "openai",
        "0123456789abcdef0123456789abcdef",
        1_700_000_000,
    )
    .with_include_usage(true)
}

/// Feeds chunks and the end. The error, if the stream did not end well.
fn feed(
    mut decoder: impl Decode,
    chunks: impl IntoIterator<Item = Bytes>,
) -> (Vec<Frame>, Option<gateway_schema::CallError>) {
    let mut frames = Vec::new();
    for chunk in chunks {
        if let Err(error) = decoder.feed(chunk, &mut frames) {
            return (frames, Some(error));
        }
    }
    let error = decoder.end(&mut frames).err();
    (frames, error)
}

/// The events of frames, groups kept apart.
fn groups(frames: &[Frame]) -> Vec<Vec<StreamEvent>> {
    frames
        .iter()
        .map(|frame| match &frame.data {
            FrameData::Events(events) => events.clone(),
            FrameData::Raw(_) => panic!("a frame of bytes"),
        })
        .collect()
}

/// The bytes of frames, joined.
fn bytes(frames: &[Frame]) -> Bytes {
    let mut out = BytesMut::new();
    for frame in frames {
        match &frame.data {
            FrameData::Raw(bytes) => out.extend_from_slice(bytes),
            FrameData::Events(_) => panic!("a frame of events"),
        }
    }
    out.freeze()
}

/// The facts of all frames that do not depend on where the bytes were cut.
fn facts(frames: &[Frame]) -> Facts {
    let mut all = Facts::default();
    for frame in frames {
        let facts = frame.facts.clone();
        all.ended |= facts.ended;
        all.meaningful |= facts.meaningful;
        all.content_events += facts.content_events;
        all.text_bytes += facts.text_bytes;
        all.finish = facts.finish.or(all.finish);
        all.model = all.model.or(facts.model);
        all.id = all.id.or(facts.id);
        all.error = all.error.or(facts.error);
        match (&mut all.usage, facts.usage) {
            (Some(known), Some(later)) => known.update(*later),
            (known @ None, later) => *known = later,
            (Some(_), None) => {}
        }
    }
    all
}

fn encode(mut encoder: impl Encode, groups: &[Vec<StreamEvent>]) -> Bytes {
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    out.freeze()
}

/// Chunks of `size` bytes.
fn cut(body: &Bytes, size: usize) -> Vec<Bytes> {
    (0..body.len())
        .step_by(size)
        .map(|from| body.slice(from..(from + size).min(body.len())))
        .collect()
}
