//! Tests on recorded traffic and on made-up values.

mod corpus;
mod foreign;
mod observe;
mod property;
mod replies;
mod requests;
mod streams;

use std::path::Path;

use bytes::BytesMut;
use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{CallError, Decoded};
use serde_json::Value;

use super::{StreamEncoder, decode_request};
use crate::ReplyInfo;

fn info() -> ReplyInfo {
    ReplyInfo::new("configured", "p", "0123456789abcdef0123456789abcdef", 7)
}

fn decode(body: &Value) -> Result<Decoded<ChatRequest>, CallError> {
    decode_request(body.to_string().as_bytes())
}

/// The events of a stream, each with its name.
fn parsed(text: &str) -> Vec<(String, Value)> {
    text.split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let name = name.strip_prefix("event: ").unwrap().to_owned();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(data["type"], name.as_str());
            (name, data)
        })
        .collect()
}

fn encoded(groups: &[Vec<StreamEvent>]) -> Vec<(String, Value)> {
    let mut encoder = StreamEncoder::new(&info());
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    parsed(std::str::from_utf8(&out).unwrap())
}

/// Recorded exchanges with the Responses API, whoever answered; empty, with a message, where the corpus is absent.
fn corpus() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(&root).into_iter().flatten() {
        let folder = folder.unwrap().path();
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("responses") {
                let text = std::fs::read(&path).unwrap();
                found.push((name, serde_json::from_slice(&text).unwrap()));
            }
        }
    }
    found.sort_by(|(one, _): &(String, Value), (other, _)| one.cmp(other));
    if found.is_empty() {
        eprintln!("skipped: corpus absent");
    }
    found
}
