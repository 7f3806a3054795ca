//! Streams of OpenAI and those that imitate it: quirks 1 to 19.

use gateway_provider::Lane;
use gateway_schema::ErrorKind;
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{delta, ends, failed, got, message, open_sse, sse, streamed, whole};

fn usage(input: u64, output: u64) -> Value {
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

fn with(mut chunk: Value, key: &str, value: Value) -> Value {
    chunk[key] = value;
    chunk
}

fn hello() -> Value {
    delta(&json!({"role": "assistant", "content": "Hello"}))
}

fn says_hello(family: &str, body: String) -> super::Got {
    let got = streamed(family, body);
    assert_eq!(got.says.text, "Hello");
    assert_eq!(got.says.finish.as_deref(), Some("stop"));
    assert!(got.says.ended && !got.says.error);
    got
}

#[test]
fn q01_usage_after_the_end_in_a_chunk_without_choices_counts() {
    let last = json!({"choices": [], "usage": usage(9, 5)});
    let got = says_hello("openai", sse(&[hello(), ends("stop"), last]));
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
}

#[test]
fn q02_usage_on_the_chunk_that_ends_the_answer_counts() {
    for family in ["deepseek", "mistral", "openrouter", "togetherai"] {
        let last = with(ends("stop"), "usage", usage(9, 5));
        let got = says_hello(family, sse(&[hello(), last]));
        assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
    }
}

#[test]
fn q03_usage_on_every_chunk_is_cumulative_and_never_summed() {
    let first = json!({"prompt_tokens": 9, "completion_tokens": null, "total_tokens": null});
    let body = sse(&[
        with(hello(), "usage", first),
        with(delta(&json!({"content": ""})), "usage", usage(9, 3)),
        with(ends("stop"), "usage", usage(9, 5)),
    ]);
    let got = says_hello("openai-compatible", body);
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
}

#[test]
fn q04_usage_told_twice_counts_once() {
    let twice = with(
        ends("stop"),
        "x_groq",
        json!({"id": "r", "usage": usage(9, 5)}),
    );
    let last = json!({"choices": [], "usage": usage(9, 5)});
    let got = says_hello("groq", sse(&[hello(), twice.clone(), last]));
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
    let got = says_hello("groq", sse(&[hello(), twice]));
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
}

#[test]
fn q05_azures_empty_first_chunk_does_not_name_the_answer() {
    let first = json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]});
    let got = says_hello("azure", sse(&[first, hello(), ends("stop")]));
    assert!(got.text.contains(r#""model":"m""#), "{}", got.text);
    assert!(!got.text.contains(r#""id":"""#), "{}", got.text);
}

#[test]
fn q06_a_choice_without_a_delta_is_passed_over() {
    let odd = json!({"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": null,
        "content_filter_offsets": {"check_offset": 1, "start_offset": 1, "end_offset": 2}}]});
    says_hello("azure", sse(&[hello(), odd, ends("stop")]));
}

#[test]
fn q07_a_last_chunk_with_neither_choices_nor_usage_takes_nothing_back() {
    let odd = json!({"choices": [], "usage": null, "moderation": {"results": []}});
    let last = json!({"choices": [], "usage": usage(9, 5)});
    let got = says_hello("openai", sse(&[hello(), ends("stop"), last, odd]));
    assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
}

#[test]
fn q08_padding_reaches_nobody_of_another_dialect() {
    for (family, chunk) in [
        ("openai", with(hello(), "obfuscation", json!("PADDING"))),
        ("mistral", with(hello(), "p", json!("PADDING"))),
        (
            "openai-compatible",
            delta(&json!({"content": "Hello", "padding": "PADDING"})),
        ),
    ] {
        let got = says_hello(family, sse(&[chunk, ends("stop")]));
        assert!(!got.text.contains("PADDING"), "{}", got.text);
    }
}

#[test]
fn q09_an_answer_that_said_why_it_ended_needs_no_done_and_any_other_does() {
    for family in ["openai-compatible", "openrouter"] {
        says_hello(family, open_sse(&[hello(), ends("stop")]));
        let error = failed(family, true, ScriptedReply::sse(open_sse(&[hello()])));
        assert_eq!(
            error.message(),
            "The provider's stream stopped before its end."
        );
    }
    // Where bytes pass untouched the end that the client waits for is added.
    let reply = ScriptedReply::sse(open_sse(&[hello(), ends("stop")]));
    let got = got("openai", "openai-compatible", true, reply);
    assert!(got.text.ends_with("data: [DONE]\n\n"), "{}", got.text);
}

#[test]
fn q10_comments_are_signs_of_life_only() {
    let body = ": OPENROUTER PROCESSING\n\n".repeat(3) + &sse(&[hello(), ends("stop")]);
    says_hello("openrouter", body);
}

#[test]
fn q11_lines_may_end_as_they_do_in_http() {
    let body = sse(&[hello(), ends("stop")]);
    for end in ["\r\n", "\r"] {
        says_hello("openai-compatible", body.replace('\n', end));
    }
}

#[test]
fn q12_white_space_before_a_body_is_nothing() {
    let body = format!(
        "\n   \n{}",
        message(&json!({"content": "Hello"}), &json!("stop"))
    );
    for (surface, lane) in [("anthropic", Lane::Cross), ("openai", Lane::Same)] {
        let reply = ScriptedReply::new(200, "application/json", body.clone());
        let got = got(surface, "openrouter", false, reply);
        assert_eq!(got.asked.lane, Some(lane));
        assert_eq!(got.says.text, "Hello");
        assert_eq!((got.says.input, got.says.output), (Some(9), Some(5)));
    }
}

#[test]
fn q13_an_error_event_in_a_good_stream_is_an_error() {
    let error = json!({"error": {"message": "Tool choice is none", "type": "invalid_request_error",
        "code": "tool_use_failed", "failed_generation": "x", "status_code": 400}});
    let early = format!("event: error\ndata: {error}\n\n");
    let late = open_sse(&[hello()]) + &early;
    for body in [early, late] {
        let error = failed("groq", true, ScriptedReply::sse(body));
        assert!(error.message().contains("Tool choice is none"), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn q14_a_finish_reason_may_be_absent_empty_or_null_until_it_comes() {
    for quiet in [json!(null), json!("")] {
        let mut chunk = hello();
        chunk["choices"][0]["finish_reason"] = quiet;
        says_hello("openai-compatible", sse(&[chunk, ends("stop")]));
    }
    says_hello("xai", sse(&[hello(), ends("stop")]));
}

#[test]
fn q15_null_content_beside_reasoning_is_no_text() {
    let thought = delta(&json!({"content": null, "reasoning_content": "Hm."}));
    let got = says_hello("openai-compatible", sse(&[thought, hello(), ends("stop")]));
    assert_eq!(got.says.thinking, "Hm.");
}

#[test]
fn q16_reasoning_is_read_under_each_of_its_names() {
    for (family, said) in [
        ("deepseek", json!({"reasoning_content": "Hm."})),
        ("groq", json!({"reasoning": "Hm."})),
        (
            "openrouter",
            json!({"reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "index": 0}]}),
        ),
    ] {
        let got = says_hello(family, sse(&[delta(&said), hello(), ends("stop")]));
        assert_eq!(got.says.thinking, "Hm.", "{family}");
        let mut said = said;
        said["content"] = json!("Hello");
        let got = whole(family, &message(&said, &json!("stop")));
        assert_eq!(
            (got.says.thinking.as_str(), got.says.text.as_str()),
            ("Hm.", "Hello")
        );
    }
}

#[test]
fn q17_a_proof_that_comes_alone_belongs_to_the_reasoning_before_it() {
    let detail = |key: &str, value: &str| {
        delta(&json!({"reasoning_details": [{"type": "reasoning.text", key: value, "index": 0}]}))
    };
    let body = sse(&[
        detail("text", "Hm."),
        detail("signature", "PROOF"),
        hello(),
        ends("stop"),
    ]);
    let got = says_hello("openrouter", body);
    assert_eq!(got.says.thinking, "Hm.");
    assert_eq!(got.says.proofs.len(), 1);
}

#[test]
fn q18_text_beside_a_delta_is_the_same_text() {
    let chunk = json!({"id": "1", "choices": [{"index": 0, "text": "Hello", "token_id": 5,
        "delta": {"role": "assistant", "content": "Hello", "token_id": 5}}]});
    says_hello("togetherai", sse(&[chunk, ends("stop")]));
}

#[test]
fn q19_a_budget_that_reasoning_used_up_is_a_cut_answer_without_text() {
    let got = whole(
        "openai",
        &message(&json!({"content": ""}), &json!("length")),
    );
    assert_eq!(got.says.text, "");
    assert_eq!(got.says.finish.as_deref(), Some("length"));
    assert_eq!(got.says.output, Some(5));
}
