//! Answers that are forwarded and looked at.

use gateway_schema::ErrorKind;
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::Facts;

use super::super::{StreamDecoder, StreamObserver, observe};
use super::{corpus, feed};
use crate::testing::streams;

/// What is forwarded, and all that was read from it.
fn watch(stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Facts, bool) {
    let (frames, error) = streams::feed(&mut StreamObserver::new(), stream, cuts);
    let bytes = streams::forwarded(&frames);
    (bytes, streams::total(frames), error.is_none())
}

#[test]
fn recorded_streams_pass_untouched_and_say_what_a_reader_of_them_says() {
    for exchange in corpus("/v2/chat") {
        if !exchange.is_stream() {
            continue;
        }
        let name = &exchange.name;
        let bytes = exchange.bytes();
        let (passed, facts, ended) = watch(&bytes, &[]);
        assert_eq!(passed, bytes, "{name}");
        assert!(ended, "{name}");
        let (events, _) = feed(&mut StreamDecoder::new(), &bytes, &[]);
        let read = Facts::of(&events);
        assert_eq!(facts.usage, read.usage, "{name}");
        assert_eq!(facts.finish, read.finish, "{name}");
        assert_eq!(facts.error, read.error, "{name}");
        assert_eq!(facts.id, read.id, "{name}");
        assert_eq!(facts.ended, facts.error.is_none(), "{name}");
        let every: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(watch(&bytes, &every), (passed, facts, ended), "{name}");
    }
}

#[test]
fn recorded_answers_pass_with_their_facts() {
    for path in ["/v2/chat", "/v2/embed", "/v2/rerank"] {
        for exchange in corpus(path) {
            if exchange.is_stream() || exchange.status() != 200 {
                continue;
            }
            let facts = observe(&exchange.bytes()).unwrap();
            let recorded = exchange.reply();
            let usage = facts.usage.unwrap();
            assert_eq!(facts.id.as_deref(), recorded["id"].as_str());
            match path {
                "/v2/chat" => {
                    let tokens = &recorded["usage"]["tokens"];
                    assert_eq!(usage.input_tokens, tokens["input_tokens"].as_u64());
                    assert!(facts.finish.is_some());
                }
                "/v2/rerank" => assert_eq!(usage.search_units, Some(1)),
                _ => assert!(usage.input_tokens.is_some()),
            }
        }
    }
}

#[test]
fn the_end_is_the_terminator_or_the_end_of_the_body_after_the_last_event() {
    let end = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"MAX_TOKENS\"}}\n\n";
    let (_, facts, ended) = watch(end.as_bytes(), &[]);
    assert_eq!(
        (facts.ended, ended, facts.finish),
        (true, true, Some(FinishReason::Length))
    );
    // The same without its name, and with white space.
    let plain = "data: {\"type\" : \"message-end\", \"delta\":{\"finish_reason\":\"MAX_TOKENS\"}}\n\ndata: [DONE]\n\n";
    let (_, facts, ended) = watch(plain.as_bytes(), &[]);
    assert_eq!(
        (facts.ended, ended, facts.finish),
        (true, true, Some(FinishReason::Length))
    );
    for cut in [0, 20, end.len() - 4] {
        let (_, facts, ended) = watch(&end.as_bytes()[..cut], &[]);
        assert!(!ended && !facts.ended, "{cut}");
    }
    let (_, facts, ended) = watch(b"data: [DONE]\n\n", &[]);
    assert!(!ended && !facts.ended);
}

#[test]
fn errors_with_a_good_status_are_errors() {
    let message = observe(br#"{"id":"1","message":"no such model"}"#).unwrap_err();
    assert_eq!(message.message(), "no such model");
    let failed = br#"{"finish_reason":"ERROR","message":{"role":"assistant"},"error":"it broke"}"#;
    assert_eq!(observe(failed).unwrap_err().message(), "it broke");
    for body in [&b"[]"[..], b"{}", b"", b"<html>", br#"{"message":7}"#] {
        assert_eq!(observe(body).unwrap_err().kind(), ErrorKind::Upstream);
    }
}
