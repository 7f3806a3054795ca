//! Tests on recorded traffic, on canonical values made at random, and on what clients send wrong.

mod corpus;
mod errors;
mod property;
mod reader;
mod requests;
mod streams;

use bytes::Bytes;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Encode, Facts, Frame, FrameData};

use super::{Quirks, ReasoningField};
use crate::ReplyInfo;
use crate::testing::corpus::{Exchange, recorded};
use crate::testing::streams::{forwarded, total, written};

/// Everything that any vendor takes.
const EVERYTHING: Quirks = Quirks::OPENAI
    .with_refused(&[])
    .with_refused_parts(&[])
    .with_signatures(true)
    .with_cache_control(true)
    .with_reasoning(ReasoningField::Details);

/// Vendors that say `chat/completions` and mean it.
const NOT_OPENAI_LIKE: [&str; 4] = ["anthropic", "bedrock", "cohere", "vertex"];

/// Recorded exchanges of an operation with OpenAI-like providers and this status.
fn corpus(operation: &str, is_good: bool) -> Vec<Exchange> {
    let path = match operation {
        "chat" => "/chat/completions",
        "completions" => "/completions",
        _ => "/embeddings",
    };
    recorded(&[], |x| {
        x.is(operation)
            && !NOT_OPENAI_LIKE.contains(&x.value["provider"].as_str().unwrap())
            && !x.url().contains("/organization/")
            && x.url().split('?').next().unwrap().ends_with(path)
            && (x.status() == 200) == is_good
    })
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
    forwarded(frames).into()
}

/// The facts of all frames.
fn facts(frames: &[Frame]) -> Facts {
    total(frames.to_vec())
}

fn encode(mut encoder: impl Encode, groups: &[Vec<StreamEvent>]) -> Bytes {
    written(&mut encoder, groups).into()
}

/// Chunks of `size` bytes.
fn cut(body: &Bytes, size: usize) -> Vec<Bytes> {
    (0..body.len())
        .step_by(size)
        .map(|from| body.slice(from..(from + size).min(body.len())))
        .collect()
}
