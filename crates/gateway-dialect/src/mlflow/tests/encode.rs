//! Replies and streams.

use bytes::BytesMut;
use gateway_schema::chat::{
    ChatResponse, Choice, Finish, FinishReason, Part, Signature, StreamEvent,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Operation, Response, Usage};
use serde_json::json;

use super::super::{MlflowCodec, error};
use super::info;
use crate::testing::streams::text;
use crate::{ClientCodec as _, ReplyInfo};

#[test]
fn a_reply_has_every_null_and_its_keys_in_order() {
    let mut choice = Choice::default();
    choice.index = 5;
    choice.parts = vec![Part::thinking("hm"), Part::text("B")];
    choice.finish = Some(Finish::new(FinishReason::StopSequence));
    let mut call = Choice::default();
    call.parts = vec![Part::tool_call("c", "f", "{}")];
    call.parts[0].signature = Some(Signature {
        dialect: Dialect::GEMINI,
        value: "s".to_owned(),
    });
    let mut reply = ChatResponse::default();
    reply.choices = vec![choice, call];
    let mut usage = Usage::new(117, 4);
    usage.cache_read_tokens = Some(100);
    usage.cache_write_tokens = Some(7);
    usage
        .extra
        .insert("service_tier".to_owned(), json!("standard"));
    usage.extra.insert(
        "prompt_tokens_details".to_owned(),
        json!({"cached_tokens": 9, "k": 1}),
    );
    reply.usage = Some(usage);
    let response = Response::Chat(Box::new(reply));
    let mut losses = Losses::new();
    let body = MlflowCodec::by_model()
        .encode(&response, &info(), &mut losses)
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&body),
        concat!(
            r#"{"id":null,"object":"chat.completion","created":1700000000,"model":"gpt","choices":["#,
            r#"{"index":0,"message":{"role":"assistant","content":"B","tool_calls":null,"refusal":null,"reasoning_content":"hm"},"finish_reason":"stop"},"#,
            r#"{"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"thought_signature":"s"}],"refusal":null},"finish_reason":null}],"#,
            r#""usage":{"prompt_tokens":117,"completion_tokens":4,"total_tokens":121,"prompt_tokens_details":{"cached_tokens":100,"k":1},"service_tier":"standard","cache_creation_input_tokens":7},"provider":"openai"}"#,
        )
    );
    assert!(losses.is_empty(), "{losses:?}");
}

fn streamed(operation: Operation, info: &ReplyInfo, groups: &[Vec<StreamEvent>]) -> String {
    let mut encoder = MlflowCodec::by_model().encoder(operation, info);
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn start(id: &str) -> StreamEvent {
    StreamEvent::Start {
        id: Some(id.to_owned()),
        model: Some("m".to_owned()),
        created: Some(1),
        extra: Extra::new(),
    }
}

#[test]
fn a_stream_has_one_chunk_per_group_and_no_terminator() {
    let finish = StreamEvent::Finish {
        choice: 0,
        finish: Finish::new(FinishReason::Stop),
    };
    let mut usage = Usage::new(9, 0);
    usage.output_tokens = None;
    let mut later = Usage::default();
    later.output_tokens = Some(2);
    let groups = [
        vec![start("a"), StreamEvent::Usage(usage)],
        vec![text("")],
        vec![StreamEvent::Ping],
        vec![text("Hi")],
        vec![StreamEvent::PartEnd { choice: 0 }],
        vec![finish, StreamEvent::Usage(later)],
        vec![StreamEvent::End],
    ];
    let got = streamed(Operation::Chat, &info(), &groups);
    let head = r#"data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"finish_reason":"#;
    let want = [
        format!(
            r#"{head}null,"delta":{{"role":null,"content":"","tool_calls":null}}}}],"usage":null,"provider":"openai"}}"#
        ),
        format!(
            r#"{head}null,"delta":{{"role":null,"content":"Hi","tool_calls":null}}}}],"usage":null,"provider":"openai"}}"#
        ),
        format!(
            r#"{head}"stop","delta":{{"role":null,"content":null,"tool_calls":null}}}}],"usage":{{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}},"provider":"openai"}}"#
        ),
        String::new(),
    ];
    assert_eq!(got, want.join("\n\n"));
}

#[test]
fn a_usage_chunk_is_left_out_when_the_caller_declined_it() {
    let groups = [vec![text("x")], vec![StreamEvent::Usage(Usage::new(1, 1))]];
    let with = streamed(Operation::Completion, &info(), &groups);
    let without = streamed(
        Operation::Completion,
        &info().with_include_usage(false),
        &groups,
    );
    assert_eq!(with.matches("data: ").count(), 2);
    assert_eq!(without.matches("data: ").count(), 1);
    assert!(without.contains(r#""object":"text_completion_chunk""#));
    assert!(without.contains(r#"{"index":0,"finish_reason":null,"text":"x"}"#));
}

#[test]
fn tool_call_pieces_carry_nulls_and_signatures() {
    let groups = [
        vec![
            StreamEvent::ToolCall {
                choice: 0,
                call: 0,
                id: None,
                name: "f".to_owned(),
                arguments: String::new(),
            },
            StreamEvent::Signature {
                choice: 0,
                signature: Signature {
                    dialect: Dialect::GEMINI,
                    value: "s".to_owned(),
                },
            },
        ],
        vec![StreamEvent::ToolArguments {
            choice: 0,
            call: 0,
            fragment: "{}".to_owned(),
        }],
    ];
    let got = streamed(Operation::Chat, &info(), &groups);
    assert!(got.contains(r#"{"index":0,"id":"call_01230","type":"function","function":{"name":"f","arguments":""},"thought_signature":"s"}"#), "{got}");
    assert!(
        got.contains(
            r#"{"index":0,"id":null,"type":null,"function":{"name":null,"arguments":"{}"}}"#
        ),
        "{got}"
    );
}

#[test]
fn a_broken_stream_ends_with_an_error_event() {
    let fault = CallError::upstream(ErrorKind::Upstream, "midway");
    let mut encoder = MlflowCodec::by_model().encoder(Operation::Chat, &info());
    let mut out = BytesMut::new();
    encoder.error(&error::event(&fault), &mut out);
    encoder.error(&error::detail(&fault).1, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "data: {\"error\":{\"message\":\"502: midway\",\"type\":\"HTTPException\"}}\n\ndata: {\"error\":{\"message\":\"midway\",\"type\":\"HTTPException\"}}\n\n"
    );
}
