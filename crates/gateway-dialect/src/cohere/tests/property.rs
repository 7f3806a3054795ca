//! Made-up values and made-up bytes.

use bytes::{Bytes, BytesMut};
use gateway_schema::chat::{Content, FinishReason, Part, StreamEvent};
use gateway_schema::stream::Decode;
use gateway_schema::{Losses, Operation, Request, Response};
use proptest::prelude::*;

use super::super::{CohereCodec, StreamDecoder, StreamObserver, decode_chat, encode_chat, observe};
use super::{events, feed};
use crate::{ClientCodec, ReplyInfo, RequestOptions, testing};

fn info() -> ReplyInfo {
    ReplyInfo::new("m", "p", "0", 1)
}

fn written(events: &[StreamEvent]) -> BytesMut {
    let mut encoder = CohereCodec.encoder(Operation::Chat, &info());
    let mut out = BytesMut::new();
    encoder.encode(events, &mut out);
    encoder.end(&mut out);
    out
}

fn stream_event() -> impl Strategy<Value = StreamEvent> {
    let said = || "[^\u{0}]{1,20}";
    prop_oneof![
        said().prop_map(|text| StreamEvent::Text { choice: 0, text }),
        said().prop_map(|text| StreamEvent::Thinking { choice: 0, text }),
        (0..3_u32, testing::word()).prop_map(|(call, name)| StreamEvent::ToolCall {
            choice: 0,
            call,
            id: None,
            name,
            arguments: String::new()
        }),
        (0..3_u32, said()).prop_map(|(call, fragment)| StreamEvent::ToolArguments {
            choice: 0,
            call,
            fragment
        }),
        Just(StreamEvent::PartEnd { choice: 0 }),
        Just(StreamEvent::Ping),
    ]
}

/// Events that look like the protocol, in any order, with any data.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        Just(r#"{"type":"message-start","id":7}"#.to_owned()),
        Just(
            r#"{"type":"content-delta","index":-1,"delta":{"message":{"content":[]}}}"#.to_owned()
        ),
        Just(r#"{"type":"tool-call-delta","index":9,"delta":{"message":{"tool_calls":[{"function":{"arguments":{}}}]}}}"#.to_owned()),
        Just(r#"{"type":"citation-start","delta":{"message":{"citations":[7,{"sources":{}}]}}}"#.to_owned()),
        Just(r#"{"type":"message-end","delta":{"finish_reason":"ERROR","usage":[]}}"#.to_owned()),
        Just(r#"{"type":"message-end","delta":7}"#.to_owned()),
        Just("[DONE]".to_owned()),
        Just("{}".to_owned()),
        "[^\n\r]{0,12}",
    ];
    let piece = (proptest::option::of("[a-z-]{1,14}"), data).prop_map(|(name, data)| {
        let name = name.map_or(String::new(), |name| format!("event: {name}\n"));
        format!("{name}data: {data}\n\n").into_bytes()
    });
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The text of parts, however it is cut into them.
fn texts(parts: &[Part]) -> (String, String, Vec<(String, String)>) {
    let mut all = (String::new(), String::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Text { text, .. } => all.0 += text,
            Content::Thinking { text, .. } => all.1 += text,
            Content::ToolCall(call) => all.2.push((call.name.clone(), call.arguments.clone())),
            _ => {}
        }
    }
    all
}

proptest! {
    #[test]
    fn any_request_is_written_as_one_that_can_be_read_and_says_the_same(request in testing::chat_request()) {
        for model in ["command-a-03-2025", "command-a-reasoning-08-2025"] {
            let Ok(written) = encode_chat(&request, &RequestOptions::new(model)) else {
                continue;
            };
            let again = CohereCodec.decode(Operation::Chat, &written.body);
            let Ok(Request::Chat(again)) = again.map(|decoded| decoded.value) else {
                return Err(TestCaseError::fail("it cannot be read"));
            };
            prop_assert_eq!(again.messages.len(), request.messages.len());
            for (one, other) in again.messages.iter().zip(&request.messages) {
                prop_assert_eq!(&one.role, &other.role);
                prop_assert_eq!(texts(&one.parts), texts(&other.parts));
            }
            prop_assert_eq!(again.sampling.seed, request.sampling.seed);
            // Written once more, nothing changes any more.
            let twice = encode_chat(&again, &RequestOptions::new(model)).unwrap();
            prop_assert_eq!(twice.body, written.body);
        }
    }

    #[test]
    fn a_reply_written_and_read_says_the_same(reply in testing::chat_response()) {
        let mut losses = Losses::new();
        let bytes = CohereCodec.encode(&Response::Chat(Box::new(reply.clone())), &info(), &mut losses).unwrap();
        prop_assert!(losses.is_empty(), "{:?}", losses);
        let again = decode_chat(&bytes).unwrap();
        let parts = |reply: &gateway_schema::chat::ChatResponse| texts(&reply.choices[0].parts);
        prop_assert_eq!(parts(&again), parts(&reply));
        let reason = |reply: &gateway_schema::chat::ChatResponse| reply.choices[0].finish.as_ref().unwrap().reason;
        let is_called = reason(&again) == FinishReason::ToolCalls;
        prop_assert!(is_called || reason(&again) == reason(&reply));
        let facts = observe(&bytes).unwrap();
        prop_assert_eq!(facts.usage.map(|usage| usage.input_tokens), again.usage.map(|usage| usage.input_tokens));
    }

    #[test]
    fn a_stream_written_and_read_says_the_same(events_in in proptest::collection::vec(stream_event(), 0..20)) {
        let bytes = written(&events_in);
        let (again, error) = feed(&mut StreamDecoder::new(), &bytes, &[]);
        prop_assert_eq!(error, None);
        let of = |events: &[StreamEvent]| -> (String, usize) {
            let mut seen = (String::new(), 0);
            for event in events {
                match event {
                    StreamEvent::Text { text, .. } | StreamEvent::Thinking { text, .. } => seen.0 += text,
                    StreamEvent::ToolCall { .. } => seen.1 += 1,
                    _ => {}
                }
            }
            seen
        };
        prop_assert_eq!(of(&again), of(&events_in));
        let mut frames = Vec::new();
        let mut observer = StreamObserver::new();
        observer.feed(Bytes::from(bytes), &mut frames).unwrap();
        prop_assert!(observer.end(&mut frames).is_ok());
        prop_assert!(frames.iter().any(|frame| frame.facts.ended));
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_the_events(bytes in noise(), cut in any::<prop::sample::Index>()) {
        let _ = observe(&bytes);
        for operation in [Operation::Chat, Operation::Embedding, Operation::Rerank] {
            let _ = CohereCodec.decode(operation, &bytes);
        }
        let at = cut.index(bytes.len() + 1);
        let facts = |cuts: &[usize]| {
            let mut observer = StreamObserver::new();
            let mut frames = Vec::new();
            let mut from = 0;
            let mut fed = Ok(());
            for to in cuts.iter().copied().chain([bytes.len()]) {
                // Nothing after an error can be understood.
                fed = fed.and_then(|()| observer.feed(Bytes::copy_from_slice(&bytes[from..to]), &mut frames));
                from = to;
            }
            let ended = fed.is_ok() && observer.end(&mut frames).is_ok();
            let errors = frames.iter().filter(|frame| frame.facts.error.is_some()).count() > 0;
            let _ = events(frames);
            (ended, errors)
        };
        prop_assert_eq!(facts(&[at]), facts(&[]));
    }
}
