//! Streams of other providers on their way to a client of Gemini's.

use bytes::BytesMut;
use gateway_schema::chat::{Finish, FinishReason, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Usage};
use serde_json::json;

use super::super::Framing;
use super::super::stream::StreamEncoder;
use super::{decode_stream, encode_stream, info, reader};
use crate::testing::streams::{arguments, text};

fn call(call: u32, arguments: &str) -> StreamEvent {
    StreamEvent::ToolCall {
        choice: 0,
        call,
        id: Some(format!("c{call}")),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn groups() -> Vec<Vec<StreamEvent>> {
    vec![
        vec![
            StreamEvent::Start {
                id: Some("id".to_owned()),
                model: Some("claude".to_owned()),
                created: None,
                extra: Extra::new(),
            },
            StreamEvent::Role { choice: 0 },
        ],
        vec![StreamEvent::Thinking {
            choice: 0,
            text: "hm".to_owned(),
        }],
        vec![StreamEvent::Signature {
            choice: 0,
            signature: Signature {
                dialect: Dialect::ANTHROPIC,
                value: "s".to_owned(),
            },
        }],
        vec![text("Hel")],
        vec![text("lo"), StreamEvent::Ping],
        vec![call(0, ""), call(1, "")],
        vec![arguments(0, "{\"x\""), arguments(1, "{")],
        vec![arguments(1, "}"), arguments(0, ":1}")],
        vec![StreamEvent::Finish {
            choice: 0,
            finish: Finish::new(FinishReason::ToolCalls),
        }],
        vec![StreamEvent::Usage(Usage::new(9, 4))],
        vec![StreamEvent::End],
    ]
}

#[test]
fn calls_are_gathered_and_the_end_comes_last() {
    for framing in [Framing::Events, Framing::Array] {
        let written = encode_stream(&groups(), framing);
        let pieces = reader::pieces(&written);
        let ends: Vec<bool> = pieces
            .iter()
            .map(|piece| piece["candidates"][0].get("finishReason").is_some())
            .collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 1);
        assert_eq!(ends.last(), Some(&true));
        let joined = reader::joined(&pieces);
        assert_eq!(joined["modelVersion"], "claude");
        assert_eq!(joined["usageMetadata"]["totalTokenCount"], 13.0);
        let parts = joined["candidate"]["parts"].as_array().unwrap();
        assert_eq!(parts[2], json!({"text": "Hello"}));
        assert_eq!(
            parts[3],
            json!({"functionCall": {"id": "c0", "name": "f", "args": {"x": 1}}})
        );
        assert_eq!(
            parts[4],
            json!({"functionCall": {"id": "c1", "name": "f", "args": {}}})
        );
        let back = decode_stream(written.as_bytes());
        assert!(back.iter().any(
            |event| matches!(event, StreamEvent::Signature { signature, .. }
            if signature.dialect == Dialect::ANTHROPIC && signature.value == "s")
        ));
        assert!(matches!(back.last(), Some(StreamEvent::End)));
    }
}

#[test]
fn a_stream_that_says_little_is_still_an_answer() {
    for groups in [Vec::new(), vec![vec![text("Hi")]]] {
        let pieces = reader::pieces(&encode_stream(&groups, Framing::Array));
        let last = pieces.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(last["modelVersion"], "configured");
    }
}

#[test]
fn an_error_takes_the_place_of_the_end_in_either_framing() {
    let body = json!({"error": {"code": 500, "message": "m", "status": "INTERNAL"}});
    for (framing, want) in [
        (Framing::Events, format!("data: {body}\n\n")),
        (Framing::Array, format!("[{body}]")),
    ] {
        let mut encoder = StreamEncoder::new(&info(), framing);
        let mut out = BytesMut::new();
        encoder.error(&body, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), want);
    }
    let mut encoder = StreamEncoder::new(&info(), Framing::Array);
    let mut out = BytesMut::new();
    encoder.encode(&[text("a")], &mut out);
    encoder.error(&body, &mut out);
    let pieces = reader::pieces(std::str::from_utf8(&out).unwrap());
    assert_eq!(pieces.len(), 2);
}

#[test]
fn torn_arguments_are_reported_and_do_not_break_the_stream() {
    let mut encoder = StreamEncoder::new(&info(), Framing::Events);
    let mut out = BytesMut::new();
    encoder.encode(&[call(0, "{\"x\":")], &mut out);
    encoder.end(&mut out);
    assert_eq!(encoder.losses().len(), 1);
    let pieces = reader::pieces(std::str::from_utf8(&out).unwrap());
    assert_eq!(
        pieces[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        json!({})
    );
}
