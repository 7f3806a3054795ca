//! Streams of other dialects, written for clients of this one.

use gateway_schema::chat::{Finish, FinishReason, Signature, StreamEvent};
use gateway_schema::{Dialect, Usage};
use serde_json::json;

use super::{decode_stream, encode_stream, reply_of};
use crate::testing::streams::{arguments, text};

fn call(call: u32, name: &str) -> StreamEvent {
    StreamEvent::ToolCall {
        choice: 0,
        call,
        id: Some(format!("id{call}")),
        name: name.to_owned(),
        arguments: String::new(),
    }
}

#[test]
fn text_thinking_and_calls_become_blocks_and_the_end_comes_last() {
    let mut usage = Usage::new(30, 5);
    usage.cache_read_tokens = Some(20);
    let stream = encode_stream(&[
        vec![StreamEvent::Thinking {
            choice: 0,
            text: "hm".to_owned(),
        }],
        vec![StreamEvent::Signature {
            choice: 0,
            signature: Signature {
                dialect: Dialect::GEMINI,
                value: "s".to_owned(),
            },
        }],
        vec![text("He"), text("llo")],
        vec![call(0, "a"), arguments(0, "{\"x\":")],
        vec![arguments(0, "1}"), call(1, "b")],
        vec![
            StreamEvent::Usage(usage),
            StreamEvent::Finish {
                choice: 0,
                finish: Finish::with_raw(FinishReason::Stop, "stop"),
            },
        ],
        vec![StreamEvent::End],
    ]);
    assert_eq!(
        reply_of(&stream),
        json!({
            "output": {"message": {"role": "assistant", "content": [
                {"reasoningContent": {"text": "hm", "signature": "gateway:gemini:s"}},
                {"text": "Hello"},
                {"toolUse": {"toolUseId": "id0", "name": "a", "input": {"x": 1.0}}},
                {"toolUse": {"toolUseId": "id1", "name": "b", "input": {}}},
            ]}},
            "stopReason": "tool_use",
            "usage": {"inputTokens": 10.0, "outputTokens": 5.0, "totalTokens": 35.0, "cacheReadInputTokens": 20.0},
        })
    );
    let signature = decode_stream(&stream)
        .into_iter()
        .find_map(|event| match event {
            StreamEvent::Signature { signature, .. } => Some(signature),
            _ => None,
        });
    assert_eq!(signature.unwrap().dialect, Dialect::GEMINI);
}

#[test]
fn the_proof_of_a_call_stands_before_it_as_empty_reasoning() {
    let signature = Signature {
        dialect: Dialect::GEMINI,
        value: "s".to_owned(),
    };
    let stream = encode_stream(&[
        vec![
            text("So"),
            call(0, "a"),
            StreamEvent::Signature {
                choice: 0,
                signature,
            },
            arguments(0, "{}"),
        ],
        vec![StreamEvent::End],
    ]);
    assert_eq!(
        reply_of(&stream)["output"]["message"]["content"],
        json!([
            {"text": "So"},
            {"reasoningContent": {"signature": "gateway:gemini+next:s"}},
            {"toolUse": {"toolUseId": "id0", "name": "a", "input": {}}},
        ])
    );
}

#[test]
fn a_stream_that_says_nothing_still_begins_and_ends() {
    let events = decode_stream(&encode_stream(&[]));
    assert!(matches!(events.first(), Some(StreamEvent::Start { .. })));
    assert_eq!(events.last(), Some(&StreamEvent::End));
}
