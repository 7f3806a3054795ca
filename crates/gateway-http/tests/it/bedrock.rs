//! Bedrock's Converse, as AWS's clients see it.

use bytes::Bytes;
use gateway_dialect::event_stream::EventStreamScanner;
use gateway_schema::chat::{Finish, FinishReason, StreamEvent};
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, UpstreamFailure};
use serde_json::{Value, json};

use crate::harness::{Got, Script, post, raw_json, send, stream_of};

const BODY: &str = r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#;

async fn streamed(dialect: Dialect, items: Vec<Result<Frame, CallError>>) -> Got {
    let script = Script::answering(Ok(stream_of(dialect, items)));
    let got = send(&script, post("/model/chat/converse-stream", BODY)).await;
    assert!(script.call().stream);
    assert_eq!(
        got.header("content-type"),
        "application/vnd.amazon.eventstream"
    );
    got
}

/// Name and payload of every message; the bytes must be nothing but messages.
fn messages(got: &Got) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    let mut scanner = EventStreamScanner::new();
    scanner
        .feed(&got.body, |message| {
            let name = message
                .header(":event-type")
                .or_else(|| message.header(":exception-type"));
            let payload = serde_json::from_slice(message.payload).unwrap();
            seen.push((name.unwrap().to_owned(), payload));
        })
        .unwrap();
    assert!(scanner.is_between_messages());
    seen
}

fn text(text: &str) -> Result<Frame, CallError> {
    let text = text.to_owned();
    Ok(Frame::events(vec![StreamEvent::Text { choice: 0, text }]))
}

#[tokio::test]
async fn both_urls_ask_the_endpoint_of_the_path_whatever_signs_the_request() {
    let reply =
        r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn"}"#;
    for path in [
        "/model/chat/converse",
        "/model/ch%61t/converse",
        "/gateway/bedrock/model/chat/converse",
    ] {
        let script = Script::answering(Ok(raw_json(Dialect::BEDROCK, reply)));
        let mut request = post(path, BODY);
        let signed = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0";
        request
            .headers_mut()
            .insert("authorization", signed.parse().unwrap());
        let got = send(&script, request).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, reply), "{path}");
        assert!(!got.header("x-amzn-requestid").is_empty());
        let call = script.call();
        assert_eq!((call.operation, call.stream), (Operation::Chat, false));
        assert_eq!(call.context.surface, "bedrock");
    }
}

#[tokio::test]
async fn events_of_other_dialects_become_messages() {
    let finish = Finish::new(FinishReason::Stop);
    let end = vec![StreamEvent::Finish { choice: 0, finish }, StreamEvent::End];
    let got = streamed(
        Dialect::OPENAI,
        vec![text("Hel"), text("lo"), Ok(Frame::events(end))],
    )
    .await;
    let names: Vec<String> = messages(&got).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "messageStart",
            "contentBlockDelta",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata"
        ]
    );
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_exception_and_nothing_between() {
    let mut said = UpstreamFailure::default();
    said.dialect = Some(Dialect::BEDROCK);
    said.error_type = Some("ThrottlingException".to_owned());
    let error =
        || CallError::upstream(ErrorKind::RateLimited, "Slow down.").with_upstream(said.clone());
    let got = streamed(Dialect::OPENAI, vec![text("Hel"), Err(error())]).await;
    let (name, payload) = messages(&got).pop().unwrap();
    assert_eq!(name, "throttlingException");
    assert!(payload["message"].as_str().unwrap().contains("Slow down."));
    let mut whole = bytes::BytesMut::new();
    gateway_dialect::event_stream::write_event(&mut whole, "messageStart", b"{}");
    let frame = Ok(Frame::raw(Bytes::from(whole), Facts::default()));
    let got = streamed(Dialect::BEDROCK, vec![frame, Err(error())]).await;
    let names: Vec<String> = messages(&got).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["messageStart", "throttlingException"]);
}

#[tokio::test]
async fn failures_name_the_exception_in_a_header() {
    let script = Script::answering(Err(CallError::upstream(ErrorKind::RateLimited, "Slow.")));
    let got = send(&script, post("/model/chat/converse", BODY)).await;
    assert_eq!(got.header("x-amzn-errortype"), "ThrottlingException");
    assert_eq!(
        got.json()["message"],
        "Provider openai: Slow.".replace("openai", "unknown")
    );
    let mut failure = UpstreamFailure::default();
    failure.status = Some(429);
    failure.dialect = Some(Dialect::BEDROCK);
    failure.error_type = Some("ModelNotReadyException".to_owned());
    failure.body = br#"{"message":"Soon."}"#.to_vec();
    let error = CallError::upstream(ErrorKind::Unavailable, "Soon.").with_upstream(failure);
    let got = send(
        &Script::answering(Err(error)),
        post("/model/chat/converse", BODY),
    )
    .await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (429, r#"{"message":"Soon."}"#)
    );
    assert_eq!(got.header("x-amzn-errortype"), "ModelNotReadyException");
    let got = send(
        &Script::answering(Err(CallError::client(ErrorKind::NotFound, "x"))),
        post("/model/nobody/converse", BODY),
    )
    .await;
    assert_eq!(
        (got.status.as_u16(), got.header("x-amzn-errortype")),
        (404, "ResourceNotFoundException")
    );
    assert_eq!(got.json(), json!({"message": got.json()["message"]}));
}
