//! Requests of other dialects for Gemini, and Gemini's for others.

use gateway_schema::chat::ContentForm;
use gateway_schema::chat::{
    ChatRequest, Content, Effort, FunctionTool, Media, Message, Part, Reasoning, ResponseFormat,
    Role, Signature, Tool, ToolChoice, ToolResult,
};
use gateway_schema::{Dialect, LossKind};
use serde_json::{Value, json};

use super::super::signature::SKIP;
use super::{decode, encode, json};
use crate::testing::wrong_fields;

fn ask(parts: Vec<Part>) -> ChatRequest {
    ChatRequest::new(vec![Message::new(Role::User, parts)])
}

fn sent(request: &ChatRequest, model: &str) -> Value {
    json(&encode(request, model).body)
}

fn tool_turn(signature: Option<Signature>) -> ChatRequest {
    let mut call = Part::tool_call("c1", "f", r#"{"x":1.50}"#);
    call.signature = signature;
    let second = Part::tool_call("c2", "g", "");
    let result = |id: &str, text: &str| {
        let result = ToolResult {
            call_id: id.to_owned(),
            name: None,
            parts: vec![Part::text(text)],
            form: ContentForm::Text,
            is_error: id == "c2",
        };
        Message::new(Role::Tool, vec![Content::ToolResult(result).into()])
    };
    ChatRequest::new(vec![
        Message::user("Hi"),
        Message::new(Role::Assistant, vec![call, second]),
        result("c1", "sunny"),
        result("c2", "broken"),
    ])
}

#[test]
fn calls_and_results_are_paired_and_parallel_results_stand_together() {
    let body = sent(&tool_turn(None), "gemini-2.5-flash");
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1.50}}},
                {"functionCall": {"id": "c2", "name": "g", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "sunny"}}},
                {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "broken"}}}]},
        ])
    );
}

#[test]
fn gemini_3_gets_a_stand_in_for_the_proof_of_calls_it_did_not_make() {
    let foreign = Signature {
        dialect: Dialect::ANTHROPIC,
        value: "s".to_owned(),
    };
    let own = Signature {
        dialect: Dialect::GEMINI,
        value: "proof".to_owned(),
    };
    for (signature, model, want) in [
        (None, "gemini-3-pro-preview", Some(SKIP)),
        (Some(foreign), "gemini-3.1-flash-lite", Some(SKIP)),
        (Some(own.clone()), "gemini-3-pro-preview", Some("proof")),
        (Some(own), "gemini-2.0-flash", Some("proof")),
        (None, "gemini-2.5-flash", None),
    ] {
        let body = sent(&tool_turn(signature), model);
        let parts = &body["contents"][1]["parts"];
        assert_eq!(parts[0]["thoughtSignature"].as_str(), want, "{model}");
        assert_eq!(parts[1].get("thoughtSignature"), None);
    }
}

#[test]
fn media_go_as_data_or_as_an_address() {
    let image = |media| {
        Content::Image {
            media,
            detail: None,
        }
        .into()
    };
    let url = |url: &str| Media::Url {
        media_type: None,
        url: url.to_owned(),
    };
    let body = sent(
        &ask(vec![
            image(url("data:image/png;base64,aGk=")),
            image(url("https://example.test/a.webp?x=1")),
            Content::Document {
                media: url("https://example.test/a.pdf"),
                title: None,
                context: None,
                citations: None,
            }
            .into(),
            Content::Video(url("https://youtu.be/x")).into(),
        ]),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.test/a.webp?x=1"}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.test/a.pdf"}},
            {"fileData": {"fileUri": "https://youtu.be/x"}},
        ])
    );
}

#[test]
fn thinking_is_told_in_the_words_of_the_model() {
    let reasoning = |effort: Option<Effort>, budget: Option<u64>| {
        let mut reasoning = Reasoning::default();
        reasoning.effort = effort;
        reasoning.budget_tokens = budget;
        reasoning
    };
    for (model, asked, want) in [
        (
            "gemini-2.5-flash",
            reasoning(Some(Effort::None), None),
            json!({"thinkingBudget": 0}),
        ),
        (
            "gemini-2.5-pro",
            reasoning(Some(Effort::None), None),
            json!({"thinkingBudget": 128}),
        ),
        (
            "gemini-2.5-flash",
            reasoning(Some(Effort::Medium), None),
            json!({"thinkingBudget": 8192}),
        ),
        (
            "gemini-2.5-flash",
            reasoning(None, Some(99_999)),
            json!({"thinkingBudget": 24576}),
        ),
        (
            "gemini-3-pro-preview",
            reasoning(Some(Effort::Minimal), None),
            json!({"thinkingLevel": "low"}),
        ),
        (
            "gemini-3-flash-preview",
            reasoning(Some(Effort::Minimal), None),
            json!({"thinkingLevel": "minimal"}),
        ),
        (
            "gemini-3-pro-preview",
            reasoning(None, Some(9000)),
            json!({"thinkingLevel": "high"}),
        ),
        (
            "gemini-2.0-flash",
            reasoning(Some(Effort::High), None),
            Value::Null,
        ),
    ] {
        let mut request = ask(vec![Part::text("Hi")]);
        request.reasoning = Some(asked);
        let body = sent(&request, model);
        assert_eq!(body["generationConfig"]["thinkingConfig"], want, "{model}");
    }
}

#[test]
fn choices_and_forms_have_gemini_s_words() {
    let mut request = ask(vec![Part::text("Hi")]);
    let mut tool = FunctionTool::new("f");
    tool.parameters = Some(json!({"type": "object", "properties": {}}));
    request.tools = Some(vec![Tool::Function(tool)]);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    });
    for (choice, want) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (
            ToolChoice::Function("f".to_owned()),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
        (
            ToolChoice::Allowed {
                names: vec!["f".to_owned()],
                required: false,
            },
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        request.tool_choice = Some(choice);
        let body = sent(&request, "gemini-2.5-flash");
        assert_eq!(body["toolConfig"]["functionCallingConfig"], want);
        assert_eq!(
            body["generationConfig"]["responseJsonSchema"],
            json!({"type": "object"})
        );
    }
}

#[test]
fn what_gemini_has_no_word_for_is_reported() {
    let mut request = ask(vec![Part::text("Hi")]);
    request.user = Some("u".to_owned());
    request.parallel_tool_calls = Some(false);
    request.messages[0].name = Some("n".to_owned());
    request
        .extra
        .insert(Dialect::OPENAI, "verbosity", json!("low"));
    let written = encode(&request, "gemini-2.5-flash");
    let paths: Vec<&str> = written
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "messages[0].name",
            "parallel_tool_calls",
            "user",
            "verbosity"
        ]
    );
    assert!(
        written
            .losses
            .iter()
            .all(|loss| loss.kind == LossKind::Dropped)
    );
}

#[test]
fn calls_without_ids_are_paired_by_name_and_get_none_on_the_way_back() {
    let body = json!({"contents": [
        {"role": "model", "parts": [
            {"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f", "args": {"a": 2}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "one"}}},
            {"function_response": {"name": "f", "response": {"output": "two"}}}]}]});
    let request = decode(&body).unwrap();
    let ids: Vec<String> = request
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .map(|part| match &part.content {
            Content::ToolCall(call) => call.id.clone().unwrap(),
            Content::ToolResult(result) => result.call_id.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids[0], ids[2]);
    assert_eq!(ids[1], ids[3]);
    assert_ne!(ids[0], ids[1]);
    let again = sent(&request, "gemini-2.5-flash");
    assert!(!again.to_string().contains("\"id\""), "{again}");
}

#[test]
fn every_wrong_field_is_named() {
    let body = json!({"contents": [{"role": "bot", "parts": [{"text": 3}, {"functionCall": {"args": {}}}]}],
        "generationConfig": {"temperature": "hot", "stopSequences": "x", "thinkingConfig": {"thinkingBudget": -7}},
        "tools": [{"functionDeclarations": [{"description": "d"}]}]});
    let error = decode(&body).unwrap_err();
    let paths = wrong_fields(&error);
    for want in [
        "role",
        "text",
        "functionCall.name",
        "temperature",
        "stopSequences",
        "thinkingBudget",
        "functionDeclarations",
    ] {
        assert!(
            paths.iter().any(|path| path.contains(want)),
            "{want} is not in {paths:?}"
        );
    }
    assert!(
        decode(&json!({}))
            .unwrap_err()
            .message()
            .contains("contents")
    );
}

#[test]
fn a_streamed_answer_that_comes_back_in_pieces_is_one_turn_with_one_thought() {
    let model = |parts: Value| json!({"role": "model", "parts": parts});
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "Hi"}]},
        model(json!([{"text": "Let ", "thought": true}])),
        model(json!([{"text": "me.", "thought": true}])),
        model(json!([{"text": "", "thought": true, "thoughtSignature": "AAAA"}])),
        model(json!([{"text": "Look"}])),
        model(json!([call("f")])),
        model(json!([call("f")])),
        model(json!([{"text": ""}])),
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}},
                                   {"functionResponse": {"name": "f", "response": {"output": "2"}}}]},
    ]});
    let request = decode(&body).unwrap();
    assert_eq!(request.messages.len(), 3);
    let turn = &request.messages[1];
    assert_eq!(turn.role, Role::Assistant);
    let [thought, text, first, second] = &turn.parts[..] else {
        panic!("{:?}", turn.parts);
    };
    assert_eq!(thought.content, Part::thinking("Let me.").content);
    assert_eq!(thought.signature.as_ref().unwrap().value, "AAAA");
    assert_eq!(text.content, Part::text("Look").content);
    let ids: Vec<_> = [first, second]
        .map(|part| match &part.content {
            Content::ToolCall(call) => call.id.clone(),
            _ => None,
        })
        .into();
    assert!(ids[0].is_some() && ids[0] != ids[1]);
}

#[test]
fn snake_case_is_read_like_camel_case() {
    let snake = json!({"system_instruction": {"parts": {"text": "s"}}, "contents": [{"parts": [
        {"inline_data": {"mime_type": "image/png", "data": "aGk="}}]}],
        "generation_config": {"max_output_tokens": 5, "response_mime_type": "application/json",
            "response_schema": {"type": "OBJECT", "properties": {"a_b": {"type": "STRING"}}}},
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}}});
    let camel = json!({"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"parts": [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}],
        "generationConfig": {"maxOutputTokens": 5, "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "properties": {"a_b": {"type": "string"}}}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}});
    assert_eq!(decode(&snake).unwrap(), decode(&camel).unwrap());
}
