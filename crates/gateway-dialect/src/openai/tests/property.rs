//! Canonical values survive the way out and back; no bytes panic.

use bytes::Bytes;
use gateway_schema::chat::{Content, Part, Signature, StreamEvent};
use gateway_schema::{Dialect, Losses};
use proptest::prelude::*;

use super::{EVERYTHING, cut, encode, feed, groups, info};
use crate::openai::{
    Observer, Quirks, StreamDecoder, StreamEncoder, UsageChunk, decode_chat_request,
    decode_chat_response, decode_completion_request, decode_completion_response,
    decode_embedding_request, decode_embedding_response, encode_chat_request, encode_chat_response,
    observe,
};
use crate::{RequestOptions, testing};

/// A signature that this dialect carries for others.
fn signed(parts: &mut [Part], dialect: Dialect) {
    for part in parts {
        let fits = match part.content {
            Content::Thinking { .. } => true,
            Content::ToolCall(_) => dialect == Dialect::GEMINI,
            _ => false,
        };
        if fits {
            part.signature = Some(Signature {
                dialect,
                value: "proof".to_owned(),
            });
        }
    }
}

proptest! {
    #[test]
    fn requests_survive_the_way_out_and_back(mut request in testing::chat_request(), model in testing::word()) {
        // Models that reason have another name for the limit.
        let model = format!("x{model}");
        let options = RequestOptions::new(&model);
        let written = encode_chat_request(&request, &options, &EVERYTHING);
        prop_assert!(written.losses.is_empty(), "{:?}", written.losses);
        let read = decode_chat_request(&written.body).unwrap();
        request.model = Some(model);
        prop_assert_eq!(read, request);
    }

    #[test]
    fn replies_survive_the_way_out_and_back(mut response in testing::chat_response(), dialect in 0_usize..3) {
        let dialect = [Dialect::ANTHROPIC, Dialect::GEMINI, Dialect::OPENAI][dialect];
        signed(&mut response.choices[0].parts, dialect);
        let mut losses = Losses::new();
        let written = encode_chat_response(&response, &info(), &mut losses);
        prop_assert!(losses.is_empty(), "{:?}", losses);
        prop_assert_eq!(decode_chat_response(&written).unwrap(), response.clone());
        let seen = observe(&written).unwrap();
        prop_assert_eq!(seen.usage.as_deref(), response.usage.as_ref());
    }

    #[test]
    fn streams_survive_the_way_out_and_back(texts in prop::collection::vec((0_u8..4, testing::text()), 1..8), size in 1_usize..50) {
        let mut events = vec![vec![StreamEvent::Start { id: Some("i".into()), model: Some("m".into()), created: Some(7), extra: gateway_schema::Extra::new() }, StreamEvent::Role { choice: 0 }]];
        let mut calls = 0;
        for (kind, text) in texts {
            events.push(vec![match kind {
                0 => StreamEvent::Text { choice: 0, text },
                1 => StreamEvent::Thinking { choice: 0, text },
                2 => StreamEvent::Refusal { choice: 0, text },
                _ => {
                    calls += 1;
                    StreamEvent::ToolCall { choice: 0, call: calls - 1, id: Some(format!("c{calls}")), name: "f".into(), arguments: text }
                }
            }]);
        }
        let finish = crate::openai::chat::finish::decode("stop", false);
        events.push(vec![StreamEvent::Finish { choice: 0, finish }]);
        let mut usage = gateway_schema::Usage::new(1, 2);
        usage.total_tokens = Some(3);
        events.push(vec![StreamEvent::Usage(usage)]);
        let out = encode(StreamEncoder::chat(&info()), &events);
        let (frames, error) = feed(StreamDecoder::new(), cut(&out, size));
        prop_assert!(error.is_none());
        let mut read: Vec<StreamEvent> = groups(&frames).concat();
        prop_assert_eq!(read.pop(), Some(StreamEvent::End));
        prop_assert_eq!(read, events.concat());
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..20) {
        let _ = decode_chat_request(&body);
        let _ = decode_completion_request(&body);
        let _ = decode_embedding_request(&body);
        let _ = decode_chat_response(&body);
        let _ = decode_completion_response(&body);
        let _ = decode_embedding_response(&body);
        let _ = observe(&body);
        let body = Bytes::from(body);
        let _ = feed(StreamDecoder::new(), cut(&body, size));
        let _ = feed(Observer::new(UsageChunk::Hide), cut(&body, size));
    }

    #[test]
    fn no_shape_panics_and_every_request_that_is_read_can_be_written(pieces in prop::collection::vec(0_usize..PIECES.len(), 1..30)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{text}}}]}}");
        if let Ok(request) = decode_chat_request(body.as_bytes()) {
            for quirks in [Quirks::OPENAI, Quirks::AZURE, Quirks::COMPATIBLE, EVERYTHING] {
                let written = encode_chat_request(&request, &RequestOptions::new("m"), &quirks);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&written.body).is_ok());
            }
        }
        let stream = Bytes::from(format!("data: {{\"choices\":[{{\"delta\":{text}}}],\"usage\":{text}}}\n\n"));
        let whole = feed(StreamDecoder::new(), [stream.clone()]).0;
        prop_assert_eq!(feed(StreamDecoder::new(), cut(&stream, 3)).0, whole);
        let _ = decode_chat_response(format!("{{\"choices\":[{{\"message\":{text}}}],\"usage\":{text}}}").as_bytes());
    }
}

/// Pieces of JSON that fit together often enough.
const PIECES: [&str; 20] = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "null",
    "1",
    "-1.5e3",
    "\"type\"",
    "\"text\"",
    "\"image_url\"",
    "\"url\"",
    "\"content\"",
    "\"tool_calls\"",
    "\"function\"",
    "\"arguments\"",
    "\"index\"",
    "{\"type\":\"text\",\"text\":\"a\"}",
    "\"reasoning_details\"",
];
