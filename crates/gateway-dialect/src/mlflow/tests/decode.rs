//! Requests.

use gateway_schema::chat::{Content, ContentForm, FunctionTool, Media, Role, Tool, ToolChoice};
use gateway_schema::embedding::EmbeddingInput;
use gateway_schema::{Dialect, Operation, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{MlflowCodec, error, unified_operation};
use super::operation;
use crate::ClientCodec as _;

fn chat(body: &Value) -> gateway_schema::chat::ChatRequest {
    let decoded = MlflowCodec::by_model()
        .decode(Operation::Chat, body.to_string().as_bytes())
        .unwrap();
    match decoded.value {
        Request::Chat(chat) => *chat,
        other => panic!("{other:?}"),
    }
}

/// Numbers compare by value: Python's `2.0` and `2` are equal.
fn same(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Number(want), Value::Number(got)) => want.as_f64() == got.as_f64(),
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| same(want, got))
        }
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len()
                && want
                    .iter()
                    .all(|(name, want)| got.get(name).is_some_and(|got| same(want, got)))
        }
        _ => want == got,
    }
}

#[test]
fn faults_are_those_of_pydantic_all_at_once_and_in_order() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/validation.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let operation = operation(case["operation"].as_str().unwrap());
        let body = case["body"].to_string();
        let got = match MlflowCodec::by_model().decode(operation, body.as_bytes()) {
            Ok(_) => Value::Null,
            Err(error) => error::detail(&error).1["detail"].take(),
        };
        if !same(&case["detail"], &got) {
            wrong.push(format!(
                "{operation} {body}\n want {}\n  got {got}",
                case["detail"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn broken_json_is_described_in_pythons_words_with_the_offset_in_characters() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/json.json")).unwrap();
    for case in &cases {
        let text = case["text"].as_str().unwrap();
        let fault = MlflowCodec::invocations()
            .decode(Operation::Chat, text.as_bytes())
            .unwrap_err();
        let want = json!({"detail": [{
            "type": "json_invalid", "loc": ["body", case["offset"]], "msg": "JSON decode error",
            "input": {}, "ctx": {"error": case["message"]},
        }]});
        assert_eq!(error::detail(&fault), (422, want), "{text:?}");
    }
}

#[test]
fn python_accepts_what_json_forbids_and_the_loss_is_reported() {
    let body = "\u{feff}{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800x\"}],\"seed\":NaN,\"a\":[1e999,-Infinity]}";
    let decoded = MlflowCodec::invocations()
        .decode(Operation::Chat, body.as_bytes())
        .unwrap();
    let paths: Vec<&str> = decoded.losses.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["messages[0].content", "seed", "a[0]", "a[1]"]);
    let Request::Chat(chat) = decoded.value else {
        panic!("not chat")
    };
    assert_eq!(chat.messages[0].text(), "\u{fffd}x");
    assert_eq!(chat.extra.fields().get("seed"), None);
}

#[test]
fn a_body_for_python_is_rewritten_as_json() {
    use super::super::{strict_json, wants_stream};
    let strict = strict_json(b"\xef\xbb\xbf{\"seed\":NaN,\"a\":1}").unwrap();
    assert_eq!(&strict[..], br#"{"seed":null,"a":1}"#);
    assert!(strict_json(b"{").is_err());
    let asked: Vec<bool> = [&b"true"[..], b"\"yes\"", b"1", b"false", b"\"maybe\""]
        .map(|text| wants_stream(Some(text)))
        .to_vec();
    assert_eq!(asked, [true, true, true, false, false]);
}

#[test]
fn surrogate_pairs_and_deep_nesting_are_read_safely() {
    let body = br#"{"prompt":"\ud83d\ude00","x":NaN}"#;
    let decoded = MlflowCodec::invocations()
        .decode(Operation::Completion, body)
        .unwrap();
    let Request::Completion(request) = decoded.value else {
        panic!("not a completion")
    };
    let want = gateway_schema::completion::Prompt::Text("\u{1f600}".to_owned());
    assert_eq!(request.prompt, want);
    let deep = "[".repeat(100_000);
    let fault = MlflowCodec::invocations()
        .decode(Operation::Chat, deep.as_bytes())
        .unwrap_err();
    assert_eq!(fault.field_errors()[0].code, "json_invalid");
}

#[test]
fn bytes_that_are_not_utf8_are_a_400() {
    let fault = MlflowCodec::invocations()
        .decode(Operation::Chat, b"{\"a\":\"\xff\"}")
        .unwrap_err();
    let want = json!({"detail": "There was an error parsing the body"});
    assert_eq!(error::detail(&fault), (400, want));
}

#[test]
fn an_empty_body_is_a_missing_body() {
    let fault = MlflowCodec::invocations()
        .decode(Operation::Chat, b"")
        .unwrap_err();
    let want = json!({"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": null}]});
    assert_eq!(error::detail(&fault), (422, want));
}

#[test]
fn a_model_is_refused_where_the_url_names_the_endpoint_and_kept_where_not() {
    let body = br#"{"input": "x", "model": "m"}"#;
    let fault = MlflowCodec::invocations()
        .decode(Operation::Embedding, body)
        .unwrap_err();
    assert_eq!(error::detail(&fault).0, 422);
    assert!(fault.message().starts_with("The parameter 'model' is not"));
    let decoded = MlflowCodec::by_model()
        .decode(Operation::Embedding, body)
        .unwrap();
    let Request::Embedding(request) = decoded.value else {
        panic!("not an embedding")
    };
    assert_eq!(request.model.as_deref(), Some("m"));
    assert_eq!(request.input, EmbeddingInput::Text("x".to_owned()));
}

#[test]
fn messages_keep_what_mlflow_drops() {
    let request = chat(&json!({"messages": [
        {"role": "system", "content": "S", "name": "sys", "x": 1},
        {"role": "user", "content": [
            {"type": "text", "text": "T", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ==", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}], "id": "rs"},
        ]},
        {"role": "assistant", "content": null, "refusal": "no", "tool_calls": [
            {"id": "c1", "function": {"name": "f", "arguments": "{}"}, "thought_signature": "sig"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "critic"},
    ]}));
    let [system, user, assistant, tool, critic] = request.messages.as_slice() else {
        panic!("{:?}", request.messages)
    };
    assert_eq!(system.name.as_deref(), Some("sys"));
    assert_eq!(system.extra.fields()["x"], 1);
    assert_eq!(
        user.parts[0].cache.as_ref().unwrap().ttl.as_deref(),
        Some("1h")
    );
    assert!(
        matches!(&user.parts[1].content, Content::Image { media: Media::Base64 { data, .. }, .. } if data == "QQ==")
    );
    assert!(matches!(
        &user.parts[2].content,
        Content::Image {
            media: Media::Url { .. },
            ..
        }
    ));
    assert!(matches!(&user.parts[3].content, Content::Audio(_)));
    assert!(matches!(
        &user.parts[4].content,
        Content::Document {
            media: Media::File { .. },
            ..
        }
    ));
    assert!(matches!(&user.parts[5].content, Content::Opaque { .. }));
    assert_eq!(assistant.form, ContentForm::Null);
    assert!(matches!(&assistant.parts[0].content, Content::Refusal(_)));
    let signature = assistant.parts[1].signature.as_ref().unwrap();
    assert_eq!(
        (signature.dialect, signature.value.as_str()),
        (Dialect::GEMINI, "sig")
    );
    assert!(
        matches!(&tool.parts[0].content, Content::ToolResult(result) if result.call_id == "c1")
    );
    assert_eq!(critic.role, Role::Other("critic".to_owned()));
    assert_eq!(critic.form, ContentForm::Absent);
}

#[test]
fn tool_schemas_stay_whole_and_unknown_fields_are_kept() {
    let schema = json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "string", "default": null}], "$ref": "#/$defs/x"}}, "$defs": {}});
    let request = chat(&json!({
        "messages": [{"role": "user", "content": "x"}],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": schema, "strict": "true"}},
            {"type": "uc_function", "uc_function": {"name": "a.b.c", "k": 1}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "temperature": "0.5", "max_tokens": 5.0, "n": "2", "top_k": true,
        "seed": 7, "user": "u", "service_tier": "auto", "metadata": {"a": "b"},
        "reasoning_effort": "low", "logprobs": "odd", "thinking": {"type": "enabled"}, "nothing": null,
        "stream": "yes", "stream_options": {"include_obfuscation": false},
    }));
    let tools = request.tools.as_ref().unwrap();
    let mut want = FunctionTool::new("f");
    want.parameters = Some(schema);
    want.strict = Some(true);
    assert_eq!(tools[0], Tool::Function(want));
    assert!(matches!(&tools[1], Tool::Opaque { value, .. } if value["uc_function"]["k"] == 1));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function("f".to_owned()))
    );
    let sampling = &request.sampling;
    assert_eq!(
        (sampling.temperature, sampling.max_tokens),
        (Some(0.5), Some(5))
    );
    assert_eq!(
        (sampling.n, sampling.top_k, sampling.seed),
        (Some(2), Some(1), Some(7))
    );
    assert_eq!((request.stream, request.include_usage), (true, Some(true)));
    let left: Vec<&String> = request.extra.fields().keys().collect();
    assert_eq!(left, ["logprobs", "thinking", "stream_options"]);
    assert_eq!(request.extra.dialect(), Some(Dialect::MLFLOW));
    assert_eq!(
        chat(&json!({"messages": [{"role": "user"}]})).sampling.n,
        Some(1)
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_the_decoder(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for operation in [Operation::Chat, Operation::Completion, Operation::Embedding] {
            let _ = MlflowCodec::invocations().decode(operation, &body);
        }
    }

    #[test]
    fn no_text_that_looks_like_json_panics_the_decoder(text in "[\\[\\]{}\",:0-9a-z\\\\ \u{e9}\u{1f600}-]{0,60}") {
        let _ = MlflowCodec::invocations().decode(Operation::Chat, text.as_bytes());
        let _ = unified_operation(text.as_bytes());
    }
}
