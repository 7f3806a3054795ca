//! Streams of other dialects, written for an OpenAI client.

use bytes::BytesMut;
use gateway_schema::chat::{Finish, FinishReason, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Extra, Usage};
use serde_json::{Value, json};

use super::{encode, info, reader};
use crate::openai::StreamEncoder;

fn start() -> StreamEvent {
    StreamEvent::Start {
        id: Some("msg_1".into()),
        model: Some("claude".into()),
        created: None,
        extra: Extra::new(),
    }
}

fn finish(reason: FinishReason) -> StreamEvent {
    StreamEvent::Finish {
        choice: 0,
        finish: Finish::new(reason),
    }
}

#[test]
fn usage_comes_once_last_and_only_when_asked_for() {
    let groups = [
        vec![start(), StreamEvent::Usage(Usage::new(5, 1))],
        vec![StreamEvent::Text {
            choice: 0,
            text: "Hi".into(),
        }],
        vec![
            finish(FinishReason::Stop),
            StreamEvent::Usage(Usage::new(5, 3)),
        ],
    ];
    let text = |encoder| String::from_utf8(encode(encoder, &groups).to_vec()).unwrap();
    let asked = text(StreamEncoder::chat(&info()));
    let events = reader::events(&asked);
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[0],
        json!({
            "id": "msg_1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "claude",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "logprobs": null, "finish_reason": null}],
            "usage": null,
        })
    );
    assert_eq!(events[1]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[2]["choices"], json!([]));
    assert_eq!(
        events[2]["usage"],
        json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8})
    );
    assert!(asked.ends_with("data: [DONE]\n\n"));
    let silent = text(StreamEncoder::chat(&info().with_include_usage(false)));
    assert!(!silent.contains("usage") && reader::events(&silent).len() == 2);
}

/// What a provider says of its own before any answer stays in its place, so that a second reading hears the same.
#[test]
fn fields_of_a_provider_leave_with_their_own_group() {
    let own = |key: &str| StreamEvent::Opaque {
        choice: 0,
        dialect: Dialect::OPENAI,
        value: json!({"chunk": {key: 1}}),
    };
    let mut first = start();
    if let StreamEvent::Start { extra, .. } = &mut first {
        let fields = json!({"first": 1}).as_object().cloned().unwrap();
        *extra = Extra::of(Dialect::OPENAI, fields);
    }
    let groups = [vec![first], vec![own("second")], vec![own("third")]];
    let out = encode(StreamEncoder::chat(&info()), &groups);
    let events = reader::events(std::str::from_utf8(&out).unwrap());
    assert_eq!(events.len(), 3);
    for (event, key) in events.iter().zip(["first", "second", "third"]) {
        assert_eq!(event["choices"], json!([]));
        assert_eq!(event[key], 1, "{event}");
    }
}

#[test]
fn reasoning_proofs_and_parallel_calls_keep_their_places() {
    let signed = |dialect: Dialect| StreamEvent::Signature {
        choice: 0,
        signature: Signature {
            dialect,
            value: "p".into(),
        },
    };
    let call = |call, id: Option<&str>| StreamEvent::ToolCall {
        choice: 0,
        call,
        id: id.map(str::to_owned),
        name: "f".into(),
        arguments: String::new(),
    };
    let groups = [
        vec![start()],
        vec![StreamEvent::Thinking {
            choice: 0,
            text: "hm".into(),
        }],
        vec![signed(Dialect::ANTHROPIC)],
        vec![call(0, Some("a")), signed(Dialect::GEMINI)],
        vec![call(1, None)],
        vec![StreamEvent::ToolArguments {
            choice: 0,
            call: 1,
            fragment: "{}".into(),
        }],
        vec![finish(FinishReason::ToolCalls)],
    ];
    let out = encode(StreamEncoder::chat(&info()), &groups);
    let deltas: Vec<Value> = reader::events(std::str::from_utf8(&out).unwrap())
        .into_iter()
        .map(|event| event["choices"][0]["delta"].clone())
        .collect();
    assert_eq!(
        deltas,
        [
            json!({"role": "assistant", "reasoning_content": "hm"}),
            json!({"reasoning_details": [{"type": "reasoning.text", "signature": "p", "format": "anthropic-claude-v1", "index": 0}]}),
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""},
                "extra_content": {"google": {"thought_signature": "p"}}}]}),
            json!({"tool_calls": [{"index": 1, "id": "call_0123456789abcdef_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            json!({}),
        ]
    );
}

#[test]
fn what_has_no_form_is_reported_once() {
    let opaque = StreamEvent::Opaque {
        choice: 0,
        dialect: Dialect::ANTHROPIC,
        value: json!({"type": "server_tool_use"}),
    };
    let mut encoder = StreamEncoder::completion(&info());
    let mut out = BytesMut::new();
    let thought = StreamEvent::Thinking {
        choice: 0,
        text: "hm".into(),
    };
    for _ in 0..3 {
        encoder.encode(&[opaque.clone(), thought.clone()], &mut out);
    }
    let paths: Vec<&str> = encoder
        .losses()
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(paths, ["choices[0].content", "choices[0].reasoning"]);
}

#[test]
fn an_error_event_stands_in_place_of_the_end() {
    let mut out = BytesMut::new();
    let body = json!({"error": {"message": "m"}});
    StreamEncoder::chat(&info()).error(&body, &mut out);
    assert_eq!(out, "data: {\"error\":{\"message\":\"m\"}}\n\n");
}
