//! Made-up values and made-up bytes.

use gateway_schema::chat::{Content, FinishReason, Part, StreamEvent};
use gateway_schema::{Losses, Operation, Request, Response};
use proptest::prelude::*;

use super::super::{CohereCodec, StreamDecoder, StreamObserver, decode_chat, encode_chat, observe};
use super::feed;
use crate::testing::streams;
use crate::{ClientCodec, ReplyInfo, RequestOptions, testing};

fn info() -> ReplyInfo {
    ReplyInfo::new("m", "p", "0", 1)
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
    fn a_stream_written_and_read_says_the_same(events_in in proptest::collection::vec(testing::stream_event(), 0..20)) {
        let mut encoder = CohereCodec.encoder(Operation::Chat, &info());
        let bytes = streams::written(&mut *encoder, std::slice::from_ref(&events_in));
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
        let (frames, error) = streams::feed(&mut StreamObserver::new(), &bytes, &[]);
        prop_assert_eq!(error, None);
        prop_assert!(streams::total(frames).ended);
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_the_events(bytes in noise(), cut in any::<prop::sample::Index>()) {
        let _ = observe(&bytes);
        for operation in [Operation::Chat, Operation::Embedding, Operation::Rerank] {
            let _ = CohereCodec.decode(operation, &bytes);
        }
        let at = cut.index(bytes.len() + 1);
        let facts = |cuts: &[usize]| {
            let (frames, error) = streams::feed(&mut StreamObserver::new(), &bytes, cuts);
            (error.is_none(), streams::total(frames).error.is_some())
        };
        prop_assert_eq!(facts(&[at]), facts(&[]));
    }
}
