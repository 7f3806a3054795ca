//! Tests on recorded traffic, on MLflow's recordings, and on made-up values.

mod corpus;
mod errors;
mod mlflow;
mod property;
mod reader;
mod replies;
mod requests;
mod streams;

use gateway_schema::chat::{ChatRequest, StreamEvent};
use gateway_schema::{CallError, Mapping, Operation, Request};
use serde_json::Value;

use super::stream::{StreamDecoder, StreamEncoder};
use super::{AnthropicCodec, encode_chat};
use crate::testing::corpus::{Exchange, recorded};
use crate::testing::streams::{events, feed, written};
use crate::{ClientCodec, EncodedRequest, ReplyInfo, RequestOptions};

/// Recorded exchanges with Claude.
fn corpus() -> Vec<Exchange> {
    recorded(&["anthropic", "vertex"], |x| {
        let operations = ["messages", "completions", "count_tokens"];
        operations.iter().any(|it| x.is(it))
            && !x.model().is_empty()
            && !x.model().contains("gemini")
    })
}

fn info() -> ReplyInfo {
    ReplyInfo::new(
        "configured",
        "anthropic",
        "0123456789abcdef0123456789abcdef",
        1,
    )
}

fn decode(body: &Value) -> Result<ChatRequest, CallError> {
    decode_for(Operation::Chat, body)
}

fn decode_for(operation: Operation, body: &Value) -> Result<ChatRequest, CallError> {
    match AnthropicCodec
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

fn mlflow_options(model: &str) -> RequestOptions<'_> {
    RequestOptions::new(model).with_mapping(Mapping::Mlflow)
}

fn decode_stream(stream: &[u8]) -> Vec<StreamEvent> {
    let (frames, error) = feed(&mut StreamDecoder::new(), stream, &[]);
    assert_eq!(error, None);
    events(frames)
}

fn encode_stream(groups: &[Vec<StreamEvent>]) -> String {
    let mut encoder = StreamEncoder::new(&info());
    String::from_utf8(written(&mut encoder, groups)).unwrap()
}
