//! Errors: the provider's, and the caller's.

use gateway_schema::{ErrorKind, Operation, Origin, Retry};
use serde_json::json;

use super::super::{AnthropicCodec, StreamDecoder, StreamObserver, decode_chat, decode_error};
use super::{decode, events, feed};
use crate::ClientCodec;
use crate::testing::wrong_fields;

#[test]
fn kinds_and_retries_follow_the_status() {
    for (status, word, kind, retry) in [
        (
            400,
            "invalid_request_error",
            ErrorKind::InvalidRequest,
            Retry::Never,
        ),
        (
            401,
            "authentication_error",
            ErrorKind::Unauthenticated,
            Retry::Elsewhere,
        ),
        (
            403,
            "permission_error",
            ErrorKind::Forbidden,
            Retry::Elsewhere,
        ),
        (
            404,
            "not_found_error",
            ErrorKind::NotFound,
            Retry::Elsewhere,
        ),
        (
            413,
            "request_too_large",
            ErrorKind::PayloadTooLarge,
            Retry::Never,
        ),
        (429, "rate_limit_error", ErrorKind::RateLimited, Retry::Same),
        (500, "api_error", ErrorKind::Upstream, Retry::Same),
        (529, "overloaded_error", ErrorKind::Unavailable, Retry::Same),
    ] {
        let body = json!({"type": "error", "error": {"type": word, "message": "Why."}, "request_id": null});
        let error = decode_error(
            status,
            Some("application/json"),
            body.to_string().as_bytes(),
        );
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{status}");
        assert_eq!(error.origin(), Origin::Upstream);
        assert_eq!(error.message(), "Why.");
    }
}

#[test]
fn a_body_that_is_not_json_still_gives_an_error() {
    let error = decode_error(502, Some("text/html"), b"<html>Bad gateway</html>");
    assert_eq!(error.origin(), Origin::Upstream);
}

#[test]
fn an_error_inside_a_good_status_is_an_error() {
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let error = decode_chat(body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

const BROKEN: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\",\
                      \"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n";

#[test]
fn an_error_event_ends_the_stream_and_is_reported_once() {
    let stream = format!(
        "{BROKEN}event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}}}\n\n"
    );
    let (frames, end) = feed(&mut StreamDecoder::new(), stream.as_bytes(), &[]);
    assert_eq!(end, None);
    let error = frames.last().unwrap().facts.error.clone().unwrap();
    assert_eq!(error.status, Some(529));
    let (frames, end) = feed(&mut StreamObserver::new(), stream.as_bytes(), &[3, 60]);
    assert_eq!(end, None);
    assert_eq!(frames.last().unwrap().facts.error, Some(error));
}

#[test]
fn a_stream_without_its_terminator_is_an_error() {
    let (frames, end) = feed(&mut StreamDecoder::new(), BROKEN.as_bytes(), &[]);
    assert_eq!(end.unwrap().origin(), Origin::Upstream);
    assert_eq!(events(frames).len(), 3);
    let (_, end) = feed(&mut StreamObserver::new(), BROKEN.as_bytes(), &[]);
    assert!(end.is_some());
}

#[test]
fn a_last_event_without_its_blank_line_counts() {
    let stream = format!("{BROKEN}data: {{\"type\":\"message_stop\"}}");
    let (_, end) = feed(&mut StreamDecoder::new(), stream.as_bytes(), &[]);
    assert_eq!(end, None);
    let (_, end) = feed(&mut StreamObserver::new(), stream.as_bytes(), &[]);
    assert_eq!(end, None);
}

#[test]
fn invalid_json_is_refused_with_its_position() {
    let error = AnthropicCodec
        .decode(Operation::Chat, b"{\"model\": \"x\",\n \"messages\": [}")
        .unwrap_err();
    assert_eq!(error.origin(), Origin::Client);
    assert!(error.message().contains("line 2 column 15"), "{error}");
}

#[test]
fn all_wrong_fields_are_named_at_once() {
    let error = decode(&json!({
        "messages": [
            {"role": "robot", "content": "x"},
            {"role": "user", "content": [{"type": "text"}, {"type": "tool_result", "content": 5}]},
            {"role": "user"},
        ],
        "temperature": "warm",
        "stop_sequences": ["a", 1],
        "tools": [{"name": "f"}],
        "tool_choice": {"type": "tool"},
        "output_config": {"format": {"type": "xml"}},
    }))
    .unwrap_err();
    let paths = wrong_fields(&error);
    assert_eq!(
        paths,
        [
            "max_tokens",
            "messages[0].role",
            "messages[1].content[0].text",
            "messages[1].content[1].tool_use_id",
            "messages[1].content[1].content",
            "messages[2].content",
            "temperature",
            "stop_sequences[1]",
            "tools[0].input_schema",
            "tool_choice.name",
            "output_config.format.type",
            "output_config.format.schema",
        ]
    );
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn bodies_of_another_kind_are_refused() {
    for body in ["[]", "null", "\"text\"", "5", "{}"] {
        let error = AnthropicCodec
            .decode(Operation::Chat, body.as_bytes())
            .unwrap_err();
        assert!(!error.field_errors().is_empty(), "{body}: {error}");
    }
    let deep = format!("{{\"messages\":{}", "[".repeat(5000));
    assert!(
        AnthropicCodec
            .decode(Operation::Chat, deep.as_bytes())
            .is_err()
    );
    assert!(
        AnthropicCodec
            .decode(Operation::Chat, &[0xff, 0xfe])
            .is_err()
    );
}
