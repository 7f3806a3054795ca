//! Made-up values and made-up bytes.

use gateway_schema::chat::{CacheControl, Content, FunctionTool, Media, Signature, ToolResult};
use gateway_schema::chat::{ChatRequest, Message, Part, Role, Tool, ToolChoice};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason};
use gateway_schema::{Dialect, Losses, Operation, Response, Usage};
use proptest::prelude::*;
use serde_json::json;

use super::super::{
    AnthropicCodec, StreamDecoder, StreamObserver, decode_chat, decode_completion, decode_error,
};
use super::{decode, encode, encode_stream, events, feed, json};
use crate::{ClientCodec, testing};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_]{1,12}"
}

fn said() -> impl Strategy<Value = String> {
    "[^\u{0}]{1,20}"
}

fn marked(content: Content) -> impl Strategy<Value = Part> {
    let plain = Part::new(content);
    let mut cached = plain.clone();
    cached.cache = Some(CacheControl::default());
    prop_oneof![3 => Just(plain), 1 => Just(cached)]
}

fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        said().prop_map(Part::text),
        said().prop_flat_map(|data| marked(Content::Image {
            media: Media::Base64 {
                media_type: "image/png".to_owned(),
                data
            },
            detail: None,
        })),
        (said(), said()).prop_flat_map(|(data, title)| marked(Content::Document {
            media: Media::Text(data),
            title: Some(title),
            context: None,
            citations: Some(true),
        })),
        (
            word(),
            proptest::collection::vec(said().prop_map(Part::text), 1..3),
            any::<bool>()
        )
            .prop_map(|(call_id, parts, is_error)| {
                Content::ToolResult(ToolResult {
                    call_id,
                    name: None,
                    parts,
                    form: gateway_schema::chat::ContentForm::Parts,
                    is_error,
                })
                .into()
            }),
    ]
}

fn assistant_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        said().prop_map(Part::text),
        (word(), word(), said()).prop_map(|(id, name, value)| {
            Part::tool_call(id, name, json!({"key": value}).to_string())
        }),
        (said(), word()).prop_map(|(text, value)| {
            let mut part = Part::thinking(text);
            part.signature = Some(Signature {
                dialect: Dialect::ANTHROPIC,
                value,
            });
            part
        }),
        word().prop_map(|data| Content::RedactedThinking { data, id: None }.into()),
        word().prop_map(|value| {
            Content::Opaque {
                dialect: Dialect::ANTHROPIC,
                value: json!({"type": "server_tool_use", "id": value}),
            }
            .into()
        }),
    ]
}

fn message(role: Role, part: impl Strategy<Value = Part>) -> impl Strategy<Value = Message> {
    proptest::collection::vec(part, 1..4).prop_map(move |parts| Message::new(role.clone(), parts))
}

prop_compose! {
    fn request()(
        system in proptest::option::of(message(Role::System, said().prop_map(Part::text))),
        turns in proptest::collection::vec(
            (message(Role::User, user_part()), message(Role::Assistant, assistant_part())), 1..4),
        max_tokens in 1..10_000_u64,
        top_k in proptest::option::of(1..100_u64),
        stop in proptest::collection::vec(word(), 0..3),
        tool in proptest::option::of(word()),
        parallel in proptest::option::of(any::<bool>()),
        user in proptest::option::of(word()),
        stream in any::<bool>(),
    ) -> ChatRequest {
        let mut messages: Vec<Message> = system.into_iter().collect();
        messages.extend(turns.into_iter().flat_map(|(user, assistant)| [user, assistant]));
        let mut request = ChatRequest::new(messages);
        request.model = Some("claude-sonnet-4-0".to_owned());
        request.sampling.max_tokens = Some(max_tokens);
        request.sampling.top_k = top_k;
        request.sampling.temperature = Some(0.25);
        request.sampling.stop = stop;
        if let Some(name) = tool {
            let mut function = FunctionTool::new(name.clone());
            function.parameters = Some(json!({"type": "object", "properties": {}}));
            request.tools = Some(vec![Tool::Function(function)]);
            request.tool_choice = Some(ToolChoice::Function(name));
            request.parallel_tool_calls = parallel;
        }
        request.user = user;
        request.stream = stream;
        request
    }
}

prop_compose! {
    fn reply()(
        parts in proptest::collection::vec(assistant_part(), 0..5),
        input in 100..1000_u64,
        read in proptest::option::of(0..50_u64),
        written in proptest::option::of(0..50_u64),
        stop in prop_oneof![Just("end_turn"), Just("max_tokens"), Just("pause_turn"), Just("refusal")],
    ) -> ChatResponse {
        let mut choice = Choice::default();
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
        let (reason, raw) = match stop {
            _ if calls => (FinishReason::ToolCalls, "tool_use"),
            "max_tokens" => (FinishReason::Length, stop),
            "pause_turn" => (FinishReason::Pause, stop),
            "refusal" => (FinishReason::Refusal, stop),
            _ => (FinishReason::Stop, stop),
        };
        choice.parts = parts;
        choice.finish = Some(Finish::with_raw(reason, raw));
        let mut usage = Usage::new(input, 3);
        usage.cache_read_tokens = read;
        usage.cache_write_tokens = written;
        let mut response = ChatResponse::default();
        response.id = Some("msg_1".to_owned());
        response.model = Some("claude".to_owned());
        response.choices = vec![choice];
        response.usage = Some(usage);
        response
    }
}

/// Pieces that look like the protocol, in any order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"event: message_start\n".to_vec()),
        Just(b"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\"}}\n\n".to_vec()),
        Just(b"data: {\"type\":\"content_block_delta\",\"index\":7,\"delta\":{\"type\":\"input_json_delta\"}}\n\n".to_vec()),
        Just(b"data: {\"type\":\"message_delta\",\"usage\":{}}\r\n\r\n".to_vec()),
        Just(b"data: {\"type\":\"error\"}\n\n".to_vec()),
        Just(b"{\"type\":\"message\",\"content\":[{\"type\":\"text\",".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_request_written_and_read_is_the_same(request in request()) {
        let written = encode(&request, "claude-sonnet-4-0");
        prop_assert!(written.losses.is_empty(), "{:?}", written.losses);
        let again = decode(&json(&written.body)).unwrap();
        prop_assert_eq!(again, request);
    }

    #[test]
    fn a_reply_written_and_read_is_the_same(reply in reply()) {
        let mut losses = Losses::new();
        let response = Response::Chat(Box::new(reply.clone()));
        let bytes = AnthropicCodec.encode(&response, &super::info(), &mut losses).unwrap();
        prop_assert!(losses.is_empty());
        prop_assert_eq!(decode_chat(&bytes).unwrap(), reply);
    }

    #[test]
    fn text_of_a_stream_written_and_read_is_the_same(events_in in proptest::collection::vec(testing::stream_event(), 0..20)) {
        let written = encode_stream(std::slice::from_ref(&events_in));
        let again = super::decode_stream(written.as_bytes());
        prop_assert_eq!(testing::said(&again), testing::said(&events_in));
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_the_events(bytes in noise(), cut in any::<prop::sample::Index>()) {
        let _ = decode_chat(&bytes);
        let _ = decode_completion(&bytes);
        let _ = decode_error(500, None, &bytes);
        let _ = AnthropicCodec.decode(Operation::Chat, &bytes);
        let (_, _) = feed(&mut StreamObserver::new(), &bytes, &[]);
        let (whole, end) = feed(&mut StreamDecoder::new(), &bytes, &[]);
        let at = cut.index(bytes.len() + 1);
        let (split, split_end) = feed(&mut StreamDecoder::new(), &bytes, &[at]);
        prop_assert_eq!(events(split), events(whole));
        prop_assert_eq!(split_end.is_some(), end.is_some());
    }
}
