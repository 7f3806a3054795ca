//! Gemini and Vertex: quirks 38 to 45, and blocked prompts.

use gateway_schema::ErrorKind;
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{delta, ends, failed, got, sse, streamed, weather, whole};

fn piece(parts: &Value, finish: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14},
        "modelVersion": "m", "responseId": "r"})
}

fn events(pieces: &[Value]) -> String {
    pieces
        .iter()
        .map(|one| format!("data: {one}\r\n\r\n"))
        .collect::<Vec<_>>()
        .concat()
}

#[test]
fn q38_proofs_are_carried_wherever_they_stand() {
    let call = json!({"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "UFJPT0Y="});
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "UFJPT0Y="});
    let body = |parts: &Value| events(&[piece(parts, &json!("STOP"))]);
    let with_call = streamed("gemini", body(&json!([{"text": "Hello"}, call])));
    assert_eq!(with_call.says.calls, [weather("Rome")]);
    assert!(with_call.text.contains("UFJPT0Y="), "{}", with_call.text);
    for parts in [
        json!([{"text": "Hello", "thoughtSignature": "UFJPT0Y="}]),
        json!([{"text": "Hello"}, {"text": "", "thoughtSignature": "UFJPT0Y="}]),
    ] {
        let got = streamed("gemini", body(&parts));
        assert_eq!(got.says.text, "Hello");
        assert!(got.text.contains("UFJPT0Y="), "{}", got.text);
    }
    // What only Gemini runs is reported, and the answer goes on.
    let got = streamed("gemini", body(&json!([code, {"text": "Hello"}])));
    assert_eq!(got.says.text, "Hello");
    assert!(got.losses().contains("Dropped"), "{}", got.losses());
}

#[test]
fn q39_a_call_ends_with_stop_and_means_tools_with_or_without_an_id() {
    for call in [
        json!({"name": "weather", "args": {"city": "Rome"}}),
        json!({"name": "weather", "args": {"city": "Rome"}, "id": "abc"}),
    ] {
        let reply = piece(&json!([{"functionCall": call}]), &json!("STOP"));
        let got = whole("gemini", &reply);
        assert_eq!(got.says.calls, [weather("Rome")]);
        assert_eq!(got.says.finish.as_deref(), Some("tools"));
        let reply: Value = serde_json::from_str(&got.text).unwrap();
        let id = &reply["choices"][0]["message"]["tool_calls"][0]["id"];
        assert!(id.as_str().is_some_and(|id| !id.is_empty()), "{id}");
    }
}

#[test]
fn q40_a_stream_may_be_an_array_and_a_reason_a_number() {
    let pieces = [
        piece(&json!([{"text": "Hel"}]), &Value::Null),
        piece(&json!([{"text": "lo"}]), &json!(1)),
    ];
    let body = format!("[{}\n,\r\n{}\n]", pieces[0], pieces[1]);
    let reply = ScriptedReply::new(200, "application/json", body);
    let got = got("openai", "gemini", true, reply);
    assert_eq!(got.says.text, "Hello");
    assert_eq!(got.says.finish.as_deref(), Some("stop"));
    assert!(got.says.ended);
}

#[test]
fn q41_unusual_ends_and_a_candidate_without_content_are_answers() {
    let mut shielded = piece(&json!([]), &json!("MODEL_ARMOR"));
    shielded["candidates"][0]
        .as_object_mut()
        .unwrap()
        .remove("content");
    let got = whole("gemini", &shielded);
    assert_eq!(
        (got.says.text.as_str(), got.says.finish.as_deref()),
        ("", Some("filter"))
    );
    let odd = piece(&json!([]), &json!("UNEXPECTED_TOOL_CALL"));
    let got = whole("gemini", &odd);
    assert_eq!(got.says.text, "");
    assert!(got.says.finish.is_some());
}

#[test]
fn q42_an_error_that_calls_itself_a_stream_keeps_its_words() {
    let body = json!({"error": {"code": 404, "message": "models/nope is not found", "status": "NOT_FOUND"}});
    for status in [200, 404] {
        let reply = ScriptedReply::new(status, "text/event-stream", body.to_string());
        let error = failed("gemini", true, reply);
        assert!(
            error.message().contains("models/nope is not found"),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn q43_a_bad_key_is_a_matter_of_the_credential() {
    let body = json!({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT", "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}});
    let error = failed("gemini", false, ScriptedReply::json(400, &body));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[test]
fn q44_thoughts_and_tools_are_counted_in() {
    let mut reply = piece(&json!([{"text": "Hello"}]), &json!("STOP"));
    reply["usageMetadata"] = json!({"promptTokenCount": 9, "toolUsePromptTokenCount": 4, "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7, "totalTokenCount": 25});
    let got = whole("gemini", &reply);
    assert_eq!((got.says.input, got.says.output), (Some(13), Some(12)));
    assert!(got.text.contains(r#""reasoning_tokens":7"#), "{}", got.text);
    // Vectors spell a word otherwise.
    for word in ["promptTokenDetails", "promptTokensDetails"] {
        let body = json!({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3,
            word: [{"modality": "TEXT", "tokenCount": 3}]}});
        let read = gateway_dialect::gemini::decode_embedding(body.to_string().as_bytes()).unwrap();
        assert_eq!(read.usage.unwrap().input_tokens, Some(3));
    }
}

#[test]
fn q45_the_imitation_of_openai_hides_the_proof_in_extra_content() {
    let call = json!({"index": 0, "id": "", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"},
        "extra_content": {"google": {"thought_signature": "UFJPT0Y="}}});
    let body = sse(&[delta(&json!({"tool_calls": [call]})), ends("stop")]);
    let got = got(
        "gemini",
        "openai-compatible",
        true,
        ScriptedReply::sse(body),
    );
    assert_eq!(got.says.calls, [weather("Rome")]);
    assert_eq!(got.says.proofs, ["UFJPT0Y="]);
}

#[test]
fn a_blocked_prompt_is_an_answer_that_a_filter_cut() {
    let body = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
        "modelVersion": "m"});
    let one = whole("gemini", &body);
    let other = streamed("gemini", events(&[body]));
    for got in [one, other] {
        assert_eq!(
            (got.says.text.as_str(), got.says.finish.as_deref()),
            ("", Some("filter"))
        );
    }
}
