//! Made-up values and made-up bytes.

use bytes::BytesMut;
use gateway_schema::chat::Content;
use gateway_schema::{Losses, Operation, Response};
use proptest::prelude::*;

use super::super::invoke::{Counts, InvokeDecoder, Vendor, decode_completion, decode_embedding};
use super::super::{
    BedrockCodec, StreamDecoder, StreamObserver, decode_chat, decode_error, encode_chat,
    observe_chat,
};
use super::{decode_stream, encode_stream, events, feed};
use crate::event_stream::write_event;
use crate::{ClientCodec, ReplyInfo, RequestOptions, testing};

/// Frames that look like the protocol, in any order, with any payload.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("messageStart"),
        Just("contentBlockStart"),
        Just("contentBlockDelta"),
        Just("contentBlockStop"),
        Just("messageStop"),
        Just("metadata"),
        Just("chunk"),
        Just("other"),
    ];
    let payload = prop_oneof![
        Just(b"{}".to_vec()),
        Just(br#"{"contentBlockIndex":7,"delta":{"toolUse":{"input":"x"}}}"#.to_vec()),
        Just(br#"{"start":{"toolUse":{"type":"server_tool_use"}}}"#.to_vec()),
        Just(br#"{"delta":{"text":7,"reasoningContent":[]}}"#.to_vec()),
        Just(br#"{"bytes":"e30="}"#.to_vec()),
        Just(
            br#"{"usage":{"inputTokens":18446744073709551615,"cacheReadInputTokens":9}}"#.to_vec()
        ),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    let piece = prop_oneof![
        6 => (name, payload).prop_map(|(name, payload)| {
            let mut out = BytesMut::new();
            write_event(&mut out, name, &payload);
            out.to_vec()
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_request_is_written_as_one_that_can_be_read(request in testing::chat_request()) {
        for model in ["anthropic.claude-sonnet-4-5", "amazon.nova-lite-v1:0", "meta.llama3", "x"] {
            if let Ok(written) = encode_chat(&request, &RequestOptions::new(model)) {
                let again = BedrockCodec.decode(Operation::Chat, &written.body);
                prop_assert!(again.is_ok(), "{:?}", again);
            }
        }
    }

    #[test]
    fn a_reply_written_and_read_says_the_same(reply in testing::chat_response()) {
        let mut losses = Losses::new();
        let info = ReplyInfo::new("m", "p", "0", 1);
        let bytes = BedrockCodec.encode(&Response::Chat(Box::new(reply.clone())), &info, &mut losses).unwrap();
        let again = decode_chat(&bytes).unwrap();
        prop_assert_eq!(&again.choices[0].parts, &reply.choices[0].parts);
        let calls = reply.choices[0].parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
        prop_assert!(calls || again.choices[0].finish.as_ref().unwrap().reason == reply.choices[0].finish.as_ref().unwrap().reason);
        prop_assert!(observe_chat(&bytes).is_ok());
    }

    #[test]
    fn text_of_a_stream_written_and_read_is_the_same(events_in in proptest::collection::vec(testing::stream_event(), 0..20)) {
        let written = encode_stream(std::slice::from_ref(&events_in));
        let again = decode_stream(&written);
        prop_assert_eq!(testing::said(&again), testing::said(&events_in));
    }

    #[test]
    fn no_bytes_panic_and_no_cut_changes_the_events(bytes in noise(), cut in any::<prop::sample::Index>()) {
        let _ = decode_chat(&bytes);
        let _ = observe_chat(&bytes);
        let _ = decode_error(500, Some("#:"), None, &bytes);
        let _ = decode_embedding(&bytes, Counts::default());
        let _ = decode_completion(Vendor::Titan, &bytes, Counts::default());
        let _ = BedrockCodec.decode(Operation::Chat, &bytes);
        let _ = BedrockCodec.decode(Operation::CountTokens, &bytes);
        let _ = feed(&mut StreamObserver::new(), &bytes, &[]);
        for vendor in [Vendor::Nova, Vendor::Mistral, Vendor::Llama] {
            let _ = feed(&mut InvokeDecoder::new(vendor), &bytes, &[]);
        }
        let (whole, end) = feed(&mut StreamDecoder::new(), &bytes, &[]);
        let at = cut.index(bytes.len() + 1);
        let (split, split_end) = feed(&mut StreamDecoder::new(), &bytes, &[at]);
        prop_assert_eq!(events(split), events(whole));
        prop_assert_eq!(split_end.is_some(), end.is_some());
    }
}
