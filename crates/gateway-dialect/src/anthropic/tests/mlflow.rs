//! MLflow's recorded exchanges with Anthropic: what it sent, and what its clients got.

use bytes::BytesMut;
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, Losses, Operation, Request, Response};
use serde_json::{Value, json};

use super::super::{
    StreamDecoder, decode_chat, decode_completion, decode_error, encode_chat, encode_completion,
};
use super::{feed, json, mlflow_options};
use crate::mlflow::{MlflowCodec, error};
use crate::testing::corpus::workspace;
use crate::{ClientCodec, EncodedRequest, ReplyInfo};

/// Cases in which the gateway does better on purpose; each stands in the list of deviations.
const BETTER: [&str; 9] = [
    // Instructions of role `developer` reach the model.
    "anthropic-chat-role-function-skipped",
    // Instructions may be lists of parts.
    "anthropic-chat-system-content-parts",
    // Thinking is not mixed into the answer.
    "anthropic-chat-thinking-block",
    // Arguments that are no JSON are the caller's mistake, not a bare 500.
    "anthropic-chat-tool-result-bad-arguments",
    // A tool needs no description.
    "anthropic-chat-tool-without-description",
    // The same in a stream.
    "anthropic-stream-thinking",
    // A streamed call begins with empty arguments, not with null, which clients cannot append to.
    "anthropic-stream-tools",
    // Completions stream.
    "anthropic-completions-stream-not-implemented",
    // A refusal says why, not a bare 500.
    "anthropic-v1-chat-mapper-error-is-500",
];

fn cases() -> Vec<(String, Value)> {
    let folder = workspace().join("xtask/conformance/mlflow-recorded");
    let mut found: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?.to_owned();
            (name.starts_with("anthropic-") && !BETTER.contains(&name.as_str())).then(|| {
                (
                    name,
                    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
                )
            })
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found.len() > 20);
    found
}

fn translate(case: &Value, model: &str) -> Result<EncodedRequest, CallError> {
    let body = case["request"]["body"].to_string();
    let operation = if case["request"]["body"].get("prompt").is_some() {
        Operation::Completion
    } else {
        Operation::Chat
    };
    let request = MlflowCodec::invocations()
        .decode(operation, body.as_bytes())?
        .value;
    match request {
        Request::Chat(chat) => encode_chat(&chat, &mlflow_options(model)),
        Request::Completion(completion) => encode_completion(&completion, &mlflow_options(model)),
        other => panic!("unexpected {other:?}"),
    }
}

fn info(case: &Value) -> ReplyInfo {
    let mut reply = ReplyInfo::new("configured", "anthropic", "id", 0);
    if let Some(created) = case["gateway_reply"]["body"]["created"].as_i64() {
        reply.created = created;
    }
    reply
}

#[test]
fn anthropic_sees_what_mlflow_sent_and_clients_get_what_mlflow_gave() {
    for (name, case) in cases() {
        let seen = &case["upstream_seen"];
        let reply = &case["gateway_reply"];
        let model = seen["body"]["model"]
            .as_str()
            .unwrap_or("claude-3-5-sonnet");
        let written = match translate(&case, model) {
            Ok(written) => written,
            Err(refusal) => {
                assert!(seen.is_null(), "{name}: {refusal}");
                let (status, body) = error::detail(&refusal);
                assert_eq!(
                    (json!(status), &body),
                    (reply["status"].clone(), &reply["body"]),
                    "{name}"
                );
                continue;
            }
        };
        assert_eq!(json(&written.body), seen["body"], "{name}");
        let upstream = &case["upstream_reply"];
        if let Some(stream) = upstream["body"].as_str() {
            assert_stream(&name, stream, reply["body"].as_str().unwrap());
            continue;
        }
        let body = upstream["body"].to_string();
        let status = u16::try_from(upstream["status"].as_u64().unwrap()).unwrap();
        if status >= 400 {
            let failure = decode_error(status, Some("application/json"), body.as_bytes());
            assert_eq!(
                error::detail(&failure),
                (status, reply["body"].clone()),
                "{name}"
            );
            continue;
        }
        let response = if name.starts_with("anthropic-completions") {
            Response::Completion(Box::new(decode_completion(body.as_bytes()).unwrap()))
        } else {
            Response::Chat(Box::new(decode_chat(body.as_bytes()).unwrap()))
        };
        let bytes = MlflowCodec::invocations()
            .encode(&response, &info(&case), &mut Losses::new())
            .unwrap();
        assert_eq!(json(&bytes), reply["body"], "{name}");
    }
}

fn assert_stream(name: &str, upstream: &str, want: &str) {
    let (frames, fault) = feed(&mut StreamDecoder::new(), upstream.as_bytes(), &[]);
    assert_eq!(fault, None, "{name}");
    let reply = ReplyInfo::new("configured", "anthropic", "id", 0);
    let mut encoder = MlflowCodec::invocations().encoder(Operation::Chat, &reply);
    let mut out = BytesMut::new();
    for frame in &frames {
        if let FrameData::Events(events) = &frame.data {
            encoder.encode(events, &mut out);
        }
    }
    encoder.end(&mut out);
    let chunks = |text: &str| -> Vec<Value> {
        text.lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| {
                let mut chunk: Value = serde_json::from_str(data).unwrap();
                chunk["created"] = json!(0);
                chunk
            })
            .collect()
    };
    let got = chunks(std::str::from_utf8(&out).unwrap());
    assert_eq!(got, chunks(want), "{name}");
}
