//! What Google says when it fails.

use std::time::Duration;

use gateway_schema::chat::StreamEvent;
use gateway_schema::{ErrorKind, Retry};
use serde_json::json;

use super::super::{StreamDecoder, StreamObserver, decode_chat, decode_error};
use super::{events, feed};

#[test]
fn a_bad_key_is_a_matter_of_the_credential_although_it_is_a_400() {
    let body = json!({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}});
    let error = decode_error(400, None, body.to_string().as_bytes());
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.message(), "API key not valid.");
    assert_eq!(error.retry(), Retry::Elsewhere);
    let failure = error.upstream_failure().unwrap();
    assert_eq!(failure.status, Some(400));
    assert_eq!(failure.error_type.as_deref(), Some("INVALID_ARGUMENT"));
}

#[test]
fn an_exhausted_quota_says_when_to_come_back_also_in_a_list() {
    let body = json!([{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]}}]);
    let error = decode_error(429, Some("application/json"), body.to_string().as_bytes());
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.message(), "Quota");
    assert_eq!(error.retry_after(), Some(Duration::from_millis(34_500)));
}

#[test]
fn a_prompt_that_is_too_long_is_told_apart() {
    let body = br#"{"error":{"code":400,"message":"The input token count (2) exceeds the maximum number of tokens allowed (1).","status":"INVALID_ARGUMENT"}}"#;
    let error = decode_error(400, None, body);
    assert_eq!(error.kind(), ErrorKind::ContextLength);
}

#[test]
fn anything_else_is_described() {
    for body in [
        &b"<html><title>502</title></html>"[..],
        b"",
        b"[]",
        b"{\"error\":3}",
    ] {
        let error = decode_error(502, None, body);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!error.message().is_empty());
    }
}

#[test]
fn an_error_inside_a_good_answer_is_an_error() {
    let body = br#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#;
    let error = decode_chat(body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(decode_chat(b"{}").is_err());
    assert!(decode_chat(b"[]").is_err());
}

#[test]
fn an_error_inside_a_stream_is_told_by_decoder_and_observer() {
    let pieces = [
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\ndata: {\"error\":{\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n",
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},{\"error\":{\"message\":\"busy\",\"code\":503}}]",
        "{\"error\":{\"message\":\"busy\",\"code\":503}}",
    ];
    for stream in pieces {
        let (frames, end) = feed(&mut StreamDecoder::new(), stream.as_bytes(), &[]);
        assert_eq!(end, None);
        let found = events(frames);
        assert!(
            matches!(found.last(), Some(StreamEvent::Error(error)) if error.status == Some(503)),
            "{found:?}"
        );
        let (frames, end) = feed(&mut StreamObserver::new(), stream.as_bytes(), &[]);
        assert_eq!(end, None);
        assert!(frames.iter().any(|frame| frame.facts.error.is_some()));
    }
}

#[test]
fn a_stream_without_a_reason_of_its_end_was_cut() {
    for stream in [
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n",
        "[{\"candidates\":[{\"finishReason\":\"STOP\"}]}",
        "",
    ] {
        let (_, end) = feed(&mut StreamDecoder::new(), stream.as_bytes(), &[]);
        assert!(end.is_some(), "{stream}");
        let (_, end) = feed(&mut StreamObserver::new(), stream.as_bytes(), &[]);
        assert!(end.is_some(), "{stream}");
    }
}
