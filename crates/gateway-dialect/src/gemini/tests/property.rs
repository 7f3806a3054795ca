//! Made-up values and made-up bytes.

use gateway_schema::chat::{
    ChatRequest, Content, ContentForm, FunctionTool, Media, Message, Part, Role, Signature, Tool,
    ToolChoice, ToolResult,
};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason};
use gateway_schema::{Dialect, Losses, Operation, Response, Usage};
use proptest::prelude::*;
use serde_json::json;

use super::super::request::joined;
use super::super::{
    Framing, GeminiCodec, StreamDecoder, StreamObserver, decode_chat, decode_count,
    decode_embedding, decode_error, decode_predict,
};
use super::{decode, encode, encode_stream, events, feed, json};
use crate::{ClientCodec, testing};

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-zA-Z0-9_]{0,11}"
}

fn said() -> impl Strategy<Value = String> {
    "[^\u{0}{]{1,20}"
}

fn signed(part: Part) -> impl Strategy<Value = Part> {
    let plain = part.clone();
    prop_oneof![
        2 => Just(plain),
        1 => word().prop_map(move |value| {
            let mut part = part.clone();
            part.signature = Some(Signature { dialect: Dialect::GEMINI, value });
            part
        }),
    ]
}

fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        said().prop_map(Part::text),
        said().prop_map(|data| {
            Content::Image {
                media: Media::Base64 {
                    media_type: "image/png".to_owned(),
                    data,
                },
                detail: None,
            }
            .into()
        }),
        word().prop_map(|path| {
            Content::Video(Media::File {
                media_type: Some("video/mp4".to_owned()),
                id: format!("gs://{path}"),
            })
            .into()
        }),
        (word(), word(), said(), any::<bool>()).prop_map(|(id, name, text, is_error)| {
            Content::ToolResult(ToolResult {
                call_id: id,
                name: Some(name),
                parts: vec![Part::text(text)],
                form: ContentForm::Text,
                is_error,
            })
            .into()
        }),
    ]
}

fn model_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        said().prop_map(Part::text),
        said().prop_map(Part::thinking),
        (word(), word(), said()).prop_map(|(id, name, value)| {
            Part::tool_call(id, name, json!({"key": value}).to_string())
        }),
        said().prop_map(|code| {
            Content::Opaque {
                dialect: Dialect::GEMINI,
                value: json!({"executableCode": {"code": code}}),
            }
            .into()
        }),
    ]
    .prop_flat_map(signed)
}

fn message(role: Role, part: impl Strategy<Value = Part>) -> impl Strategy<Value = Message> {
    proptest::collection::vec(part, 1..4).prop_map(move |parts| Message::new(role.clone(), parts))
}

prop_compose! {
    fn request()(
        system in proptest::option::of(message(Role::System, said().prop_map(Part::text))),
        turns in proptest::collection::vec(
            (message(Role::User, user_part()), message(Role::Assistant, model_part())), 1..4),
        max_tokens in proptest::option::of(1..10_000_u64),
        top_k in proptest::option::of(1..100_u64),
        seed in proptest::option::of(any::<i32>()),
        stop in proptest::collection::vec(word(), 0..3),
        tool in proptest::option::of(word()),
    ) -> ChatRequest {
        let mut messages: Vec<Message> = system.into_iter().collect();
        messages.extend(turns.into_iter().flat_map(|(user, model)| [user, model]));
        let mut request = ChatRequest::new(messages);
        request.sampling.max_tokens = max_tokens;
        request.sampling.top_k = top_k;
        request.sampling.seed = seed.map(i64::from);
        request.sampling.stop = stop;
        if let Some(name) = tool {
            let mut function = FunctionTool::new(name.clone());
            function.parameters = Some(json!({"type": "object", "properties": {}}));
            request.tools = Some(vec![Tool::Function(function)]);
            request.tool_choice = Some(ToolChoice::Function(name));
        }
        request
    }
}

prop_compose! {
    fn reply()(
        parts in proptest::collection::vec(model_part(), 1..5),
        input in 100..1000_u64,
        thoughts in proptest::option::of(0..50_u64),
        stop in prop_oneof![Just("STOP"), Just("MAX_TOKENS"), Just("SAFETY"), Just("LANGUAGE")],
    ) -> ChatResponse {
        let mut choice = Choice::default();
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
        let reason = match stop {
            "STOP" if calls => FinishReason::ToolCalls,
            "STOP" => FinishReason::Stop,
            "MAX_TOKENS" => FinishReason::Length,
            "SAFETY" => FinishReason::ContentFilter,
            _ => FinishReason::Other,
        };
        choice.parts = parts;
        choice.finish = Some(Finish::with_raw(reason, stop));
        let mut usage = Usage::new(input, 60);
        usage.reasoning_tokens = thoughts;
        usage.total_tokens = Some(input + 60);
        let mut response = ChatResponse::default();
        response.id = Some("id".to_owned());
        response.model = Some("gemini".to_owned());
        response.choices = vec![choice];
        response.usage = Some(usage);
        response
    }
}

/// Pieces that look like the protocol, in any order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n".to_vec()),
        Just(b"data: {\"candidates\":[{\"finishReason\":1}]}\n\n".to_vec()),
        Just(b"[{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}}]},".to_vec()),
        Just(b"{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}".to_vec()),
        Just(b"{\"contents\":[{\"parts\":{\"functionResponse\":{\"name\":\"f\"}}}]}".to_vec()),
        Just(b",\r\n".to_vec()),
        Just(b"]".to_vec()),
        Just(b"{\"error\":[3]}".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_request_written_and_read_is_the_same(request in request()) {
        let written = encode(&request, "gemini-2.5-flash");
        prop_assert!(written.losses.is_empty(), "{:?}", written.losses);
        let again = decode(&json(&written.body)).unwrap();
        let mut request = request;
        request.messages = joined(request.messages);
        prop_assert_eq!(again, request);
    }

    #[test]
    fn a_reply_written_and_read_is_the_same(reply in reply()) {
        let mut losses = Losses::new();
        let response = Response::Chat(Box::new(reply.clone()));
        let bytes = GeminiCodec::EVENTS.encode(&response, &super::info(), &mut losses).unwrap();
        prop_assert!(losses.is_empty());
        prop_assert_eq!(decode_chat(&bytes).unwrap(), reply);
    }

    #[test]
    fn text_of_a_stream_written_and_read_is_the_same(
        events_in in proptest::collection::vec(testing::stream_event(), 0..20), array in any::<bool>(),
    ) {
        let framing = if array { Framing::Array } else { Framing::Events };
        let written = encode_stream(std::slice::from_ref(&events_in), framing);
        let again = super::decode_stream(written.as_bytes());
        prop_assert_eq!(testing::said(&again), testing::said(&events_in));
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_the_events(bytes in noise(), cut in any::<prop::sample::Index>()) {
        let _ = decode_chat(&bytes);
        let _ = decode_count(&bytes);
        let _ = decode_embedding(&bytes);
        let _ = decode_predict(&bytes);
        let _ = decode_error(500, None, &bytes);
        for operation in [Operation::Chat, Operation::CountTokens, Operation::Embedding] {
            let _ = GeminiCodec::ARRAY.decode(operation, &bytes);
        }
        let (_, _) = feed(&mut StreamObserver::new(), &bytes, &[]);
        let (whole, end) = feed(&mut StreamDecoder::new(), &bytes, &[]);
        let at = cut.index(bytes.len() + 1);
        let (split, split_end) = feed(&mut StreamDecoder::new(), &bytes, &[at]);
        prop_assert_eq!(events(split), events(whole));
        prop_assert_eq!(split_end.is_some(), end.is_some());
    }
}
