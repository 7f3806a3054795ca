//! Streams of other providers on their way to an Anthropic client.

use bytes::BytesMut;
use gateway_schema::chat::{Content, Finish, FinishReason, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Usage};
use serde_json::json;

use super::super::has_foreign_proofs;
use super::super::stream::StreamEncoder;
use super::{decode, decode_stream, encode_stream, info, reader};
use crate::testing::streams::{arguments, call, finish, text};

fn start() -> StreamEvent {
    StreamEvent::Start {
        id: Some("chatcmpl-1".to_owned()),
        model: Some("gpt".to_owned()),
        created: Some(1),
        extra: Extra::new(),
    }
}

#[test]
fn blocks_follow_the_kind_of_content_and_usage_may_come_last() {
    let written = encode_stream(&[
        vec![start(), StreamEvent::Role { choice: 0 }, text("")],
        vec![StreamEvent::Thinking {
            choice: 0,
            text: "hm".to_owned(),
        }],
        vec![text("Hel")],
        vec![StreamEvent::Ping],
        vec![text("lo")],
        vec![call(0, "a", "")],
        vec![arguments(0, "{\"x\"")],
        vec![arguments(0, ":1}")],
        vec![call(1, "b", "{}")],
        vec![finish(FinishReason::ToolCalls)],
        vec![StreamEvent::Usage(Usage::new(9, 4))],
        vec![StreamEvent::End],
    ]);
    let message = reader::message(&written);
    assert_eq!(
        message,
        json!({
            "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "Hello"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 9, "output_tokens": 4},
        })
    );
    let names: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(names.first(), Some(&"message_start"));
    assert_eq!(names.last(), Some(&"message_stop"));
    assert_eq!(
        names
            .iter()
            .filter(|name| **name == "content_block_start")
            .count(),
        4
    );
    assert_eq!(
        names
            .iter()
            .filter(|name| **name == "content_block_stop")
            .count(),
        4
    );
    // What is written can be read.
    let again = decode_stream(written.as_bytes());
    assert!(again.contains(&finish_with("tool_use")));
}

fn finish_with(raw: &str) -> StreamEvent {
    StreamEvent::Finish {
        choice: 0,
        finish: Finish::with_raw(FinishReason::ToolCalls, raw),
    }
}

#[test]
fn interleaved_arguments_find_their_blocks() {
    let written = encode_stream(&[
        vec![start(), call(0, "a", ""), call(1, "b", "")],
        vec![arguments(0, "{\"x\":"), arguments(1, "{\"y\":")],
        vec![arguments(0, "1}"), arguments(1, "2}")],
        vec![finish(FinishReason::Stop)],
    ]);
    let message = reader::message(&written);
    assert_eq!(message["content"][0]["input"], json!({"x": 1}));
    assert_eq!(message["content"][1]["input"], json!({"y": 2}));
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn a_stream_that_says_little_is_still_a_message() {
    let message = reader::message(&encode_stream(&[vec![text("Hi")]]));
    assert_eq!(message["id"], "msg_0123456789abcdef0123456789abcdef");
    assert_eq!(message["model"], "configured");
    assert_eq!(message["stop_reason"], "end_turn");
    let empty = reader::message(&encode_stream(&[]));
    assert_eq!(empty["content"], json!([]));
}

#[test]
fn losses_of_a_stream_are_reported_once() {
    let signature = StreamEvent::Signature {
        choice: 0,
        signature: Signature {
            dialect: Dialect::GEMINI,
            value: "s".to_owned(),
        },
    };
    let second = StreamEvent::Text {
        choice: 1,
        text: "other".to_owned(),
    };
    let mut encoder = StreamEncoder::new(&info());
    let mut out = BytesMut::new();
    encoder.encode(&[text("a"), signature.clone(), signature], &mut out);
    encoder.encode(&[second.clone(), second], &mut out);
    assert_eq!(encoder.losses().len(), 2);
    assert!(!String::from_utf8_lossy(&out).contains("other"));
}

#[test]
fn an_error_takes_the_place_of_the_end() {
    let mut encoder = StreamEncoder::new(&info());
    let mut out = BytesMut::new();
    let body = json!({"type": "error", "error": {"type": "api_error", "message": "m"}});
    encoder.error(&body, &mut out);
    assert_eq!(
        &out[..],
        format!("event: error\ndata: {body}\n\n").as_bytes()
    );
}

#[test]
fn the_proof_of_a_call_travels_in_empty_reasoning_before_it_and_comes_back() {
    let proof = Signature {
        dialect: Dialect::GEMINI,
        value: "CiQB+/=".to_owned(),
    };
    let signature = StreamEvent::Signature {
        choice: 0,
        signature: proof.clone(),
    };
    let text = encode_stream(&[
        vec![call(0, "c1", "{\"a\":1}"), signature],
        vec![call(1, "c2", "{}")],
        vec![StreamEvent::Finish {
            choice: 0,
            finish: Finish::new(FinishReason::ToolCalls),
        }],
    ]);
    let mut fold = gateway_schema::chat::Fold::new();
    for event in decode_stream(text.as_bytes()) {
        fold.push(event);
    }
    let said = fold.finish().unwrap().choices.remove(0).parts;
    let [thinking, first, second] = &said[..] else {
        panic!("{said:?}");
    };
    let held = thinking.signature.as_ref().unwrap();
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "gateway:gemini+next:CiQB+/="},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
        ]},
    ]});
    assert!(matches!(first.content, Content::ToolCall(_)) && second.signature.is_none());
    assert_eq!(held.value, "gateway:gemini+next:CiQB+/=");
    assert!(
        has_foreign_proofs(body.to_string().as_bytes()) && !has_foreign_proofs(b"\"gateways\"")
    );
    let request = decode(&body).unwrap();
    let parts = &request.messages[1].parts;
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].signature.as_ref(), Some(&proof));
    assert_eq!(parts[1].signature, None);
}
