//! Tool calls: quirks 20 to 31.

use std::collections::BTreeSet;

use gateway_provider::Lane;
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{delta, ends, got, message, sse, streamed, weather, whole};

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}})
}

fn piece(index: u64, id: Option<&str>, arguments: &str) -> Value {
    let mut call = json!({"index": index, "function": {"arguments": arguments}});
    if let Some(id) = id {
        call["id"] = id.into();
        call["type"] = "function".into();
        call["function"]["name"] = "weather".into();
    }
    delta(&json!({"tool_calls": [call]}))
}

const ROME: &str = r#"{"city":"Rome"}"#;
const OSLO: &str = r#"{"city":"Oslo"}"#;

fn calls_both(family: &str, body: &str) {
    for surface in [
        "anthropic",
        "gemini",
        "bedrock",
        "openai-responses",
        "mlflow",
    ] {
        let got = got(surface, family, true, ScriptedReply::sse(body.to_owned()));
        assert_eq!(
            got.says.calls,
            [weather("Rome"), weather("Oslo")],
            "{surface}"
        );
        assert_eq!(got.says.finish.as_deref(), Some("tools"), "{surface}");
    }
}

#[test]
fn q20_whole_calls_on_the_chunk_that_ends_the_answer_are_calls() {
    let mut last = ends("tool_calls");
    last["choices"][0]["delta"] = json!({"content": "", "tool_calls": [
        {"id": "a", "index": 0, "function": {"name": "weather", "arguments": ROME}},
        {"id": "b", "index": 1, "function": {"name": "weather", "arguments": OSLO}}]});
    calls_both("mistral", &sse(&[last]));
}

#[test]
fn q21_calls_without_index_and_type_are_told_apart_by_their_ids() {
    let one = |id: &str, arguments: &str| {
        delta(
            &json!({"tool_calls": [{"id": id, "function": {"name": "weather", "arguments": arguments}}]}),
        )
    };
    calls_both(
        "mistral",
        &sse(&[one("a", ROME), one("b", OSLO), ends("tool_calls")]),
    );
}

#[test]
fn q22_calls_may_come_complete_in_a_delta_each() {
    let body = sse(&[
        piece(0, Some("a"), ROME),
        piece(1, Some("b"), OSLO),
        ends("tool_calls"),
    ]);
    calls_both("xai", &body);
}

#[test]
fn q23_empty_first_pieces_of_arguments_are_nothing() {
    let body = sse(&[
        piece(0, Some("a"), ""),
        piece(0, None, ""),
        piece(0, None, ROME),
        piece(1, Some("b"), ""),
        piece(1, None, OSLO),
        ends("tool_calls"),
    ]);
    calls_both("openrouter", &body);
}

#[test]
fn q24_a_call_that_the_limit_cut_keeps_its_pieces_or_is_reported() {
    let body = sse(&[
        piece(0, Some("a"), ROME),
        piece(1, Some("b"), r#"{"city": "#),
        ends("length"),
    ]);
    let cut = got(
        "openai-responses",
        "deepseek",
        true,
        ScriptedReply::sse(body.clone()),
    );
    assert_eq!(cut.says.calls[0], weather("Rome"));
    assert_eq!(cut.says.calls[1].1, json!(r#"{"city": "#));
    assert_eq!(cut.says.finish.as_deref(), Some("length"));
    let reported = got("gemini", "deepseek", true, ScriptedReply::sse(body));
    assert_eq!(reported.says.calls[0], weather("Rome"));
    assert!(
        reported.losses().contains("not a whole JSON object"),
        "{}",
        reported.losses()
    );
}

#[test]
fn q25_dummies_and_an_empty_word_do_not_hide_calls() {
    let mut one = call("a", ROME);
    one["custom"] = json!({"name": "", "input": ""});
    let said = json!({"role": "assistant", "content": "", "tool_calls": [one],
        "audio": {"id": "", "data": "", "expires_at": 0, "transcript": ""},
        "function_call": {"name": "", "arguments": ""}});
    let got = whole("openai-compatible", &message(&said, &json!("")));
    assert_eq!(got.says.calls, [weather("Rome")]);
    assert_eq!(got.says.finish.as_deref(), Some("tools"));
}

#[test]
fn q26_ids_of_any_form_or_none_reach_every_client_as_ids() {
    let ids = [
        "uH0tflcjA",
        "fc_1:2",
        "toolu_bdrk_1",
        "chatcmpl-tool-1",
        "",
        "-",
    ];
    let calls: Vec<Value> = ids
        .iter()
        .map(|id| {
            let mut one = call(id, ROME);
            if *id == "-" {
                one.as_object_mut().unwrap().remove("id");
            }
            one
        })
        .collect();
    let said = json!({"content": null, "tool_calls": calls});
    let got = whole("openai-compatible", &message(&said, &json!("tool_calls")));
    assert_eq!(got.says.calls.len(), ids.len());
    let reply: Value = serde_json::from_str(&got.text).unwrap();
    let given: BTreeSet<&str> = reply["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["id"].as_str().unwrap())
        .collect();
    assert_eq!(given.len(), ids.len(), "{given:?}");
    assert!(given.iter().all(|id| !id.is_empty()));
}

#[test]
fn q27_no_calls_may_be_null_or_an_empty_list() {
    for none in [json!(null), json!([])] {
        let said = json!({"content": "Hello", "tool_calls": none});
        let got = whole("mistral", &message(&said, &json!("stop")));
        assert_eq!((got.says.text.as_str(), got.says.calls.len()), ("Hello", 0));
        let got = streamed("mistral", sse(&[delta(&said), ends("stop")]));
        assert_eq!((got.says.text.as_str(), got.says.calls.len()), ("Hello", 0));
    }
}

#[test]
fn q28_content_beside_calls_may_be_missing_null_or_empty() {
    for said in [
        json!({"tool_calls": [call("a", ROME)]}),
        json!({"content": null, "tool_calls": [call("a", ROME)]}),
        json!({"content": "", "tool_calls": [call("a", ROME)]}),
    ] {
        let got = whole("groq", &message(&said, &json!("tool_calls")));
        assert_eq!(got.says.calls, [weather("Rome")]);
        // An empty text block is refused by Anthropic when it comes back.
        assert!(!got.text.contains(r#""type":"text""#), "{}", got.text);
    }
}

#[test]
fn q29_an_index_in_a_whole_answer_is_nothing() {
    let mut one = call("a", ROME);
    one["index"] = json!(0);
    let said = json!({"content": null, "tool_calls": [one]});
    let got = whole("ollama", &message(&said, &json!("tool_calls")));
    assert_eq!(got.says.calls, [weather("Rome")]);
}

#[test]
fn q30_the_legacy_call_passes_to_its_own_clients_and_is_reported_to_others() {
    let said = json!({"content": null, "function_call": {"name": "weather", "arguments": ROME}});
    let body = message(&said, &json!("function_call"));
    let same = got("openai", "openai", false, ScriptedReply::json(200, &body));
    assert_eq!(same.asked.lane, Some(Lane::Same));
    assert_eq!(same.says.calls, [weather("Rome")]);
    for surface in ["anthropic", "gemini", "bedrock", "mlflow"] {
        for stream in [false, true] {
            let other = got(surface, "openai", stream, ScriptedReply::json(200, &body));
            assert!(!other.asked.reply_losses.is_empty(), "{surface}");
        }
    }
}

#[test]
fn q31_content_may_be_a_list_with_thoughts_in_it() {
    let said = json!({"content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": true},
        {"type": "text", "text": "Hello"}]});
    let got = whole("mistral", &message(&said, &json!("stop")));
    assert_eq!(
        (got.says.thinking.as_str(), got.says.text.as_str()),
        ("Hm.", "Hello")
    );
    let got = streamed("mistral", sse(&[delta(&said), ends("stop")]));
    assert_eq!(
        (got.says.thinking.as_str(), got.says.text.as_str()),
        ("Hm.", "Hello")
    );
}
