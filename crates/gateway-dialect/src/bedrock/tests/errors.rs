//! Failures in bodies and in streams.

use bytes::BytesMut;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::Encode;
use gateway_schema::{ErrorKind, Retry};
use serde_json::json;

use super::super::stream::{StreamEncoder, StreamObserver};
use super::super::{StreamDecoder, decode_chat, decode_error};
use super::{events, feed};
use crate::event_stream::{write_event, write_exception, write_message};

#[test]
fn an_exception_inside_a_stream_is_an_error_with_its_status() {
    for (name, status, word) in [
        ("throttlingException", Some(429), "ThrottlingException"),
        ("validationException", Some(400), "ValidationException"),
        (
            "internalServerException",
            Some(500),
            "InternalServerException",
        ),
        (
            "serviceUnavailableException",
            Some(503),
            "ServiceUnavailableException",
        ),
        (
            "modelStreamErrorException",
            Some(424),
            "ModelStreamErrorException",
        ),
        ("brandNewException", None, "brandNewException"),
    ] {
        let mut stream = BytesMut::new();
        write_event(&mut stream, "messageStart", br#"{"role":"assistant"}"#);
        write_exception(&mut stream, name, br#"{"message":"no"}"#);
        let (frames, error) = feed(&mut StreamDecoder::new(), &stream, &[]);
        assert_eq!(error, None, "it was told");
        let all = events(frames);
        let Some(StreamEvent::Error(remote)) = all.last() else {
            panic!("no error")
        };
        assert_eq!(
            (
                remote.status,
                remote.error_type.as_deref(),
                remote.message.as_str()
            ),
            (status, Some(word), "no")
        );
        let (frames, error) = feed(&mut StreamObserver::new(), &stream, &[]);
        assert_eq!(error, None);
        assert_eq!(frames.last().unwrap().facts.error.as_deref(), Some(remote));
    }
}

#[test]
fn an_unmodelled_error_is_read_from_its_headers() {
    let mut stream = BytesMut::new();
    let headers = [
        (":message-type", "error"),
        (":error-code", "InternalError"),
        (":error-message", "broken"),
    ];
    write_message(&mut stream, &headers, b"");
    let (frames, _) = feed(&mut StreamDecoder::new(), &stream, &[]);
    let all = events(frames);
    let [StreamEvent::Error(remote)] = all.as_slice() else {
        panic!("no error")
    };
    assert_eq!(
        (remote.message.as_str(), remote.error_type.as_deref()),
        ("broken", Some("InternalError"))
    );
}

#[test]
fn the_status_that_the_model_itself_gave_counts() {
    let mut stream = BytesMut::new();
    write_exception(
        &mut stream,
        "modelStreamErrorException",
        br#"{"message":"m","originalStatusCode":503}"#,
    );
    let (frames, _) = feed(&mut StreamDecoder::new(), &stream, &[]);
    assert!(
        matches!(events(frames).as_slice(), [StreamEvent::Error(remote)] if remote.status == Some(503))
    );
}

#[test]
fn an_error_goes_out_as_the_exception_that_says_it() {
    for (word, name) in [
        ("ThrottlingException", "throttlingException"),
        ("ModelErrorException", "modelStreamErrorException"),
        ("ServiceUnavailableException", "serviceUnavailableException"),
        ("ValidationException", "validationException"),
        ("ModelTimeoutException", "internalServerException"),
        ("", "internalServerException"),
    ] {
        let mut out = BytesMut::new();
        StreamEncoder::new().error(&json!({"message": "m", "__type": word}), &mut out);
        let mut seen = Vec::new();
        crate::event_stream::EventStreamScanner::new()
            .feed(&out, |message| {
                seen.push((
                    message.kind().to_owned(),
                    message.header(":exception-type").unwrap().to_owned(),
                    message.payload.to_vec(),
                ));
            })
            .unwrap();
        assert_eq!(
            seen,
            [(
                "exception".to_owned(),
                name.to_owned(),
                br#"{"message":"m"}"#.to_vec()
            )]
        );
    }
}

#[test]
fn a_prompt_that_is_too_long_is_told_apart() {
    for message in [
        "Input is too long for requested model.",
        "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
        "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
    ] {
        let body = json!({"message": message}).to_string();
        let error = decode_error(
            400,
            Some("ValidationException"),
            Some("application/json"),
            body.as_bytes(),
        );
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::ContextLength, Retry::Elsewhere)
        );
    }
}

#[test]
fn an_error_inside_a_good_status_is_an_error() {
    let error = decode_chat(br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for body in [&b""[..], b"{}", b"[]", b"<html>", b"{\"output\":{}}"] {
        assert_eq!(
            decode_chat(body).unwrap_err().origin(),
            gateway_schema::Origin::Upstream
        );
    }
}
