//! Tests on recorded traffic and on made-up values.

mod corpus;
mod foreign;
mod observe;
mod property;
mod replies;
mod requests;
mod streams;
mod tools;

use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::{CallError, Decoded};
use serde_json::Value;

use super::{StreamEncoder, decode_request};
use crate::ReplyInfo;
use crate::testing::corpus::{Exchange, recorded};
use crate::testing::streams::written;

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
    parsed(std::str::from_utf8(&written(&mut encoder, groups)).unwrap())
}

/// Recorded exchanges with the Responses API, whoever answered.
fn corpus() -> Vec<Exchange> {
    recorded(&[], |x| x.name.contains("/responses"))
}
