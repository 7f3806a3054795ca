//! Cohere and others: quirks 51 to 55, waits, and streams that are cut off.

use std::time::Duration;

use gateway_schema::{ErrorKind, Retry};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{delta, ends, failed, got, message, open_sse, sse, streamed, weather, whole};

#[test]
fn q51_a_plan_before_the_calls_is_what_the_model_thought() {
    let plan =
        |text: &str| json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}});
    let call = json!({"id": "weather_1", "type": "function", "function": {"name": "weather", "arguments": ""}});
    let body = sse(&[
        json!({"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
        plan("I will"),
        plan(" look."),
        json!({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}}),
        json!({"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": "{\"city\":\"Rome\"}"}}}}}),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 9, "output_tokens": 5}}}}),
    ]);
    let got = streamed("cohere", body);
    assert_eq!(got.says.thinking, "I will look.");
    assert_eq!(got.says.calls, [weather("Rome")]);
    assert_eq!(got.says.finish.as_deref(), Some("tools"));
}

#[test]
fn q52_an_end_that_is_an_error_is_an_error() {
    let body = sse(&[
        json!({"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}}),
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "no valid response",
            "error_type": "no_valid_response", "usage": {}}}),
    ]);
    let error = failed("cohere", true, ScriptedReply::sse(body));
    assert_eq!(error.kind(), ErrorKind::Upstream);
    assert!(error.message().contains("no valid response"), "{error}");
}

#[test]
fn q53_the_first_version_streams_lines_of_json() {
    let lines = [
        json!({"is_finished": false, "event_type": "stream-start", "generation_id": "1"}),
        json!({"is_finished": false, "event_type": "text-generation", "text": "Hel"}),
        json!({"is_finished": false, "event_type": "text-generation", "text": "lo"}),
        json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE",
            "response": {"generation_id": "1", "text": "Hello", "meta": {"tokens": {"input_tokens": 9, "output_tokens": 5}}}}),
    ];
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    let reply = ScriptedReply::new(200, "application/stream+json", lines.concat());
    let got = got("mlflow", "cohere", true, reply);
    assert_eq!(got.says.text, "Hello");
    assert!(got.says.ended);
}

#[test]
fn q54_vendors_words_for_the_end_are_understood() {
    let mut last = ends("stop");
    last["choices"][0]["stop_reason"] = json!(154_827);
    let hello = delta(&json!({"content": "Hello"}));
    let got = streamed("openai-compatible", sse(&[hello.clone(), last]));
    assert_eq!(got.says.finish.as_deref(), Some("stop"));
    let got = streamed("togetherai", sse(&[hello, ends("eos")]));
    assert_eq!(got.says.finish.as_deref(), Some("stop"));
    let reply = message(&json!({"content": "Hello"}), &json!("eos"));
    assert_eq!(
        whole("togetherai", &reply).says.finish.as_deref(),
        Some("stop")
    );
}

/// Family, status, body, and the words that a caller must find.
fn envelopes() -> Vec<(&'static str, u16, Value, &'static str)> {
    vec![
        (
            "mistral",
            401,
            json!({"detail": "Unauthorized"}),
            "Unauthorized",
        ),
        (
            "mistral",
            422,
            json!({"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]}),
            "Field required",
        ),
        (
            "mistral",
            400,
            json!({"object": "error", "message": "Invalid model: nope", "type": "invalid_model", "param": null, "code": "1500"}),
            "Invalid model: nope",
        ),
        (
            "openai-compatible",
            400,
            json!({"error": "Model not found"}),
            "Model not found",
        ),
        (
            "openrouter",
            400,
            json!({"error": {"message": "nope is not a valid model ID", "code": 400}, "user_id": "u"}),
            "nope is not a valid model ID",
        ),
        (
            "azure",
            404,
            json!({"error": {"code": "404", "message": "Resource not found"}}),
            "Resource not found",
        ),
        (
            "groq",
            400,
            json!({"error": {"message": "Failed to call a function.", "type": "invalid_request_error",
                "code": "tool_use_failed", "failed_generation": "<function>"}}),
            "Failed to call a function.",
        ),
    ]
}

#[test]
fn q55_errors_of_every_envelope_keep_their_words_and_status() {
    for (family, status, body, words) in envelopes() {
        let error = failed(family, false, ScriptedReply::json(status, &body));
        assert!(error.message().contains(words), "{body}: {error}");
        let failure = error.upstream_failure().unwrap();
        assert_eq!(failure.status, Some(status), "{body}");
    }
    let plain = ScriptedReply::new(404, "text/plain", "Not Found");
    assert!(
        failed("openai-compatible", false, plain)
            .message()
            .contains("Not Found")
    );
    // Neither a body nor a kind: said in our words.
    let empty = failed("openai", false, ScriptedReply::new(500, "", ""));
    assert!(!empty.message().is_empty());
    assert_ne!(empty.retry(), Retry::Never);
}

#[test]
fn a_wait_that_the_provider_asks_for_is_known() {
    let body = json!({"error": {"message": "Slow down", "type": "rate_limit_error"}});
    for family in [
        "openai",
        "anthropic",
        "gemini",
        "bedrock-claude",
        "cohere",
        "mistral",
    ] {
        let reply = ScriptedReply::json(429, &body).header("retry-after", "7");
        let error = failed(family, true, reply);
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{family}");
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(7)),
            "{family}"
        );
    }
}

#[test]
fn a_stream_that_is_cut_off_is_never_a_short_good_answer() {
    let body = open_sse(&[
        delta(&json!({"content": "Hel"})),
        delta(&json!({"content": "lo"})),
    ]);
    for reply in [
        ScriptedReply::sse(body.clone()),
        ScriptedReply::sse(body.clone()).cut(),
        ScriptedReply::sse(body[..body.len() - 9].to_owned()),
    ] {
        let error = failed("openai", true, reply);
        assert_ne!(error.retry(), Retry::Never);
    }
}
