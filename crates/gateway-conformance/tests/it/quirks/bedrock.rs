//! Bedrock: quirks 46 to 50, and exceptions inside a stream.

use bytes::{Bytes, BytesMut};
use gateway_dialect::bedrock::invoke::{InvokeDecoder, Vendor};
use gateway_dialect::event_stream::{write_event, write_exception};
use gateway_provider::Lane;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, FrameData};
use gateway_schema::{ErrorKind, Retry};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{failed, got};

const KIND: &str = "application/vnd.amazon.eventstream";

fn stream(events: &[(&str, Value)]) -> Bytes {
    let mut out = BytesMut::new();
    for (name, event) in events {
        write_event(&mut out, name, event.to_string().as_bytes());
    }
    out.freeze()
}

fn answer(word: &str, metadata: &Value) -> Bytes {
    stream(&[
        ("messageStart", json!({"role": "assistant", "p": "abcdef"})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": "Hello"}, "p": "PADDING"}),
        ),
        (
            "contentBlockStop",
            json!({"contentBlockIndex": 0, "p": "abc"}),
        ),
        ("messageStop", json!({"stopReason": word, "p": "abcd"})),
        ("metadata", metadata.clone()),
    ])
}

fn usage() -> Value {
    json!({"usage": {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14}, "metrics": {"latencyMs": 1}, "p": "PADDING"})
}

#[test]
fn q46_padding_is_nothing_and_usage_after_the_end_counts() {
    let reply = ScriptedReply::new(200, KIND, answer("end_turn", &usage()));
    let got = got("openai", "bedrock-claude", true, reply);
    assert_eq!(
        (got.says.text.as_str(), got.says.finish.as_deref()),
        ("Hello", Some("stop"))
    );
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
    assert!(!got.text.contains("PADDING"));
}

#[test]
fn q47_a_guardrail_is_a_filter_and_its_trace_stays_with_its_own_clients() {
    let mut metadata = usage();
    metadata["trace"] = json!({"guardrail": {"modelOutput": ["TRACE"]}});
    let body = answer("guardrail_intervened", &metadata);
    let reply = ScriptedReply::new(200, KIND, body.clone());
    let other = got("openai", "bedrock-claude", true, reply);
    assert_eq!(other.says.finish.as_deref(), Some("filter"));
    assert_eq!((other.says.input, other.says.output), (Some(9), Some(5)));
    let reply = ScriptedReply::new(200, KIND, body);
    let own = got("bedrock", "bedrock-claude", true, reply);
    assert_eq!(own.asked.lane, Some(Lane::Same));
    assert!(own.text.contains("TRACE"));
}

#[test]
fn q48_a_text_block_needs_no_start() {
    // The stream of every test here has none; blocks of both kinds side by side.
    let body = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "weather"}}}),
        ),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{\"city\":\"Rome\"}"}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("messageStop", json!({"stopReason": "tool_use"})),
        ("metadata", usage()),
    ]);
    let got = got(
        "anthropic",
        "bedrock-claude",
        true,
        ScriptedReply::new(200, KIND, body),
    );
    assert_eq!(got.says.text, "Hello");
    assert_eq!(got.says.calls, [super::weather("Rome")]);
}

#[test]
fn q49_a_vendors_own_pieces_are_unwrapped() {
    use base64::Engine as _;
    let wrap = |piece: &Value| {
        let text = base64::engine::general_purpose::STANDARD.encode(piece.to_string());
        ("chunk", json!({"bytes": text, "p": "abc"}))
    };
    let metrics =
        json!({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 5}});
    let llama = [
        json!({"generation": "Hel", "stop_reason": null}),
        json!({"generation": "lo", "stop_reason": "stop", "prompt_token_count": 9, "generation_token_count": 5}),
        metrics,
    ];
    // AI21's chat models, whose pieces have numbers for reasons, are asked by Converse.
    assert_eq!(Vendor::of("ai21.jamba-1-5-large-v1:0"), None);
    for (vendor, pieces) in [(Vendor::Llama, llama)] {
        let body = stream(&pieces.each_ref().map(wrap));
        let mut decoder = InvokeDecoder::new(vendor);
        let mut frames = Vec::new();
        decoder.feed(body, &mut frames).unwrap();
        decoder.end(&mut frames).unwrap();
        let (mut text, mut finished) = (String::new(), false);
        for frame in frames {
            let FrameData::Events(events) = frame.data else {
                panic!("bytes")
            };
            for event in events {
                match event {
                    StreamEvent::Text { text: piece, .. } => text += &piece,
                    StreamEvent::Finish { .. } => finished = true,
                    _ => {}
                }
            }
        }
        assert_eq!((text.as_str(), finished), ("Hello", true), "{vendor:?}");
    }
}

#[test]
fn q50_an_error_is_told_by_its_header_where_the_body_has_only_words() {
    for (status, name, kind) in [
        (
            429,
            "ThrottlingException:http://internal",
            ErrorKind::RateLimited,
        ),
        (403, "AccessDeniedException", ErrorKind::Forbidden),
        (404, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "ValidationException", ErrorKind::InvalidRequest),
    ] {
        let body = json!({"message": "the words"});
        let reply = ScriptedReply::json(status, &body).header("x-amzn-errortype", name);
        let error = failed("bedrock-claude", false, reply);
        assert_eq!(error.kind(), kind, "{name}");
        assert!(error.message().contains("the words"), "{error}");
    }
}

#[test]
fn an_exception_inside_a_stream_is_an_error_before_and_after_the_first_word() {
    let mut early = BytesMut::new();
    write_event(&mut early, "messageStart", br#"{"role":"assistant"}"#);
    let mut late = early.clone();
    let word = json!({"contentBlockIndex": 0, "delta": {"text": "Hel"}});
    write_event(&mut late, "contentBlockDelta", word.to_string().as_bytes());
    for mut body in [early, late] {
        write_exception(
            &mut body,
            "throttlingException",
            br#"{"message":"slow down"}"#,
        );
        let error = failed(
            "bedrock-claude",
            true,
            ScriptedReply::new(200, KIND, body.freeze()),
        );
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_ne!(error.retry(), Retry::Never);
        assert!(error.message().contains("slow down"), "{error}");
    }
}
