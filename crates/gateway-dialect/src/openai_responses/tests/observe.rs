//! Failures inside good answers, and streams that break off.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Facts};
use gateway_schema::{CallError, ErrorKind};
use serde_json::json;

use super::super::{StreamObserver, decode_error, observe};

fn watched(stream: &str) -> (Vec<Facts>, Result<(), CallError>) {
    let mut observer = StreamObserver::new();
    let mut frames = Vec::new();
    observer
        .feed(Bytes::from(stream.to_owned()), &mut frames)
        .unwrap();
    let end = observer.end(&mut frames);
    (frames.into_iter().map(|frame| frame.facts).collect(), end)
}

#[test]
fn a_stream_without_its_end_is_an_error() {
    let (_, end) = watched(
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\\\"b\"}\n\n",
    );
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Upstream);
}

#[test]
fn a_delta_counts_by_the_length_of_its_text_with_or_without_an_event_line() {
    let (facts, _) =
        watched("data: {\"type\":\"response.output_text.delta\",\"delta\": \"a\\\"b\"}\n\n");
    assert_eq!(facts[0].text_bytes, 4);
    assert!(facts[0].meaningful);
}

#[test]
fn a_failed_reply_is_an_error_with_the_provider_s_words() {
    let (facts, end) = watched(
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}}}\n\n",
    );
    assert!(end.is_ok());
    let error = facts[0].error.as_ref().unwrap();
    assert_eq!(
        (error.message.as_str(), error.status),
        ("slow down", Some(429))
    );
    assert!(!facts[0].meaningful);

    let body = json!({"status": "failed", "error": {"code": "server_error", "message": "oh"}});
    let error = observe(body.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.message(), "oh");
}

#[test]
fn an_error_event_is_read_flat_and_nested() {
    for data in [
        r#"{"type":"error","code":"server_error","message":"busy","sequence_number":2}"#,
        r#"{"type":"error","error":{"code":"server_error","message":"busy"},"sequence_number":2}"#,
    ] {
        let (facts, end) = watched(&format!("event: error\ndata: {data}\n\n"));
        assert!(end.is_ok());
        assert_eq!(facts[0].error.as_ref().unwrap().message, "busy");
    }
}

#[test]
fn a_plain_document_in_place_of_a_stream_says_why() {
    let (_, end) = watched(r#"{"error":{"message":"no such model","code":"model_not_found"}}"#);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_incomplete_reply_says_what_it_lacks() {
    let (facts, end) = watched(
        "event: response.incomplete\ndata: {\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
    );
    assert!(end.is_ok() && facts[0].ended);
    assert_eq!(
        facts[0].finish,
        Some(gateway_schema::chat::FinishReason::Length)
    );
    assert_eq!(facts[0].usage.as_ref().unwrap().output_tokens, Some(4));
}

#[test]
fn bad_statuses_are_read_in_any_envelope() {
    let error = decode_error(400, None, br#"{"error":{"message":"m","param":"input"}}"#);
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
