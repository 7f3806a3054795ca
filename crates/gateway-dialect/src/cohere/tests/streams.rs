//! Streams that end badly, and bytes that are none.

use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::Decode;
use proptest::prelude::*;

use super::super::{StreamDecoder, decode_chat, decode_embedding, v1};
use super::feed;

const STREAM: &str = concat!(
    "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"m\"}\n\n",
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,",
    "\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}},",
    "\"logprobs\":{\"text\":\"Hi\",\"token_ids\":[1,2],\"logprobs\":[-0.5,-0.25]}}\n\n",
    "data: {\"type\":\"something-new\"}\n\n",
    "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n",
    "data: [DONE]\n\n",
);

#[test]
fn a_stream_without_its_last_event_is_cut_short() {
    let end = STREAM.find("event: message-end").unwrap();
    for to in [end, end + 20, end + 60] {
        let (_, error) = feed(&mut StreamDecoder::new(), &STREAM.as_bytes()[..to], &[]);
        assert!(error.is_some(), "cut at {to}");
    }
    // The terminator after the last event is not needed.
    let done = STREAM.find("data: [DONE]").unwrap();
    let (events, error) = feed(&mut StreamDecoder::new(), &STREAM.as_bytes()[..done], &[]);
    assert_eq!((events.last(), error), (Some(&StreamEvent::End), None));
}

#[test]
fn the_probability_of_a_piece_is_that_of_its_tokens() {
    let (events, _) = feed(&mut StreamDecoder::new(), STREAM.as_bytes(), &[]);
    let logprob = events.iter().find_map(|event| match event {
        StreamEvent::Logprobs { value, .. } => value["content"][0]["logprob"].as_f64(),
        _ => None,
    });
    assert_eq!(logprob, Some(-0.75));
}

#[test]
fn an_answer_that_failed_is_an_error_though_the_status_is_good() {
    let body = br#"{"id":"x","finish_reason":"ERROR","message":{"role":"assistant","content":[]},"error":"it broke"}"#;
    let error = decode_chat(body).unwrap_err();
    assert_eq!(error.message(), "it broke");
    assert!(decode_chat(br#"{"message":"no"}"#).is_err());
    assert!(decode_chat(b"[]").is_err());
    assert!(decode_embedding(br#"{"embeddings":{"float":[["x"]]}}"#).is_err());
    let stream = br#"{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR"}"#;
    let (events, error) = feed(&mut v1::StreamDecoder::new(), stream, &[]);
    assert!(matches!(events.as_slice(), [StreamEvent::Error(_)]) && error.is_none());
    let stream = br#"{"is_finished":false,"event_type":"text-generation","text":"a"}"#;
    assert!(feed(&mut v1::StreamDecoder::new(), stream, &[]).1.is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..200usize) {
        let cut = cut.min(bytes.len());
        let decoders: [Box<dyn Decode>; 2] =
            [Box::new(StreamDecoder::new()), Box::new(v1::StreamDecoder::new())];
        for mut decoder in decoders {
            let _ = feed(&mut *decoder, &bytes, &[cut]);
        }
        let _ = decode_chat(&bytes);
        let _ = decode_embedding(&bytes);
        let _ = v1::decode_chat(&bytes);
    }

    #[test]
    fn a_changed_byte_makes_no_decoder_panic(at in 0..STREAM.len(), with in any::<u8>()) {
        let mut bytes = STREAM.as_bytes().to_vec();
        bytes[at] = with;
        let _ = feed(&mut StreamDecoder::new(), &bytes, &[]);
    }
}
