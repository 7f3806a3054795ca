//! Requests of other dialects on their way to Anthropic.

use gateway_schema::chat::{
    ChatRequest, Content, Effort, FunctionTool, Media, Message, Part, Reasoning, ResponseFormat,
    Role, Signature, Tool, ToolChoice, ToolResult,
};
use gateway_schema::{Dialect, ErrorKind, Extra, LossKind, Retry};
use serde_json::{Value, json};

use super::super::encode_chat;
use super::{decode, encode, json, mlflow_options};
use crate::RequestOptions;

fn lossy(request: &ChatRequest, model: &str) -> (Value, Vec<(String, LossKind)>) {
    let written = encode(request, model);
    let losses = written
        .losses
        .iter()
        .map(|loss| (loss.path.clone(), loss.kind))
        .collect();
    (json(&written.body), losses)
}

fn tool_message(id: &str, text: &str) -> Message {
    let result = ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        form: gateway_schema::chat::ContentForm::Text,
        is_error: false,
    };
    Message::new(Role::Tool, vec![Content::ToolResult(result).into()])
}

#[test]
fn results_of_parallel_calls_become_one_user_turn() {
    let calls = Message::new(
        Role::Assistant,
        vec![
            Part::text("Let me see."),
            Part::tool_call("a", "f", "{\"x\":1}"),
            Part::tool_call("b", "f", ""),
        ],
    );
    let request = ChatRequest::new(vec![
        Message::user("Go"),
        calls,
        tool_message("a", "1"),
        tool_message("b", "2"),
        Message::user("And?"),
    ]);
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Go"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                {"type": "text", "text": "And?"}]},
        ])
    );
    assert!(losses.is_empty());
}

#[test]
fn instructions_are_hoisted_and_late_ones_reported() {
    let request = ChatRequest::new(vec![
        Message::system("One"),
        Message::new(Role::Developer, vec![Part::text("Two")]),
        Message::user("Hi"),
        Message::system("Three"),
    ]);
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(body["system"].as_array().unwrap().len(), 3);
    assert_eq!(
        losses,
        [("messages[3].role".to_owned(), LossKind::Approximated)]
    );
    let (body, losses) = lossy(&request, "claude-opus-4-8");
    assert_eq!(
        body["messages"][1],
        json!({"role": "system", "content": "Three"})
    );
    assert!(losses.is_empty());
}

#[test]
fn a_conversation_of_instructions_only_is_sent_as_a_user_message() {
    let request = ChatRequest::new(vec![Message::system("Sing")]);
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "Sing"}]}])
    );
    assert_eq!(losses.len(), 1);
}

#[test]
fn images_are_sent_by_value_or_by_address() {
    let image = |url: &str| {
        Part::new(Content::Image {
            media: Media::Url {
                media_type: None,
                url: url.to_owned(),
            },
            detail: None,
        })
    };
    let request = ChatRequest::new(vec![Message::new(
        Role::User,
        vec![
            image("data:image/png;base64,AAAA"),
            image("https://example.com/a.png"),
        ],
    )]);
    let (body, _) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ])
    );
}

#[test]
fn sound_and_several_answers_are_refused_before_any_call() {
    let sound = Content::Audio(Media::Base64 {
        media_type: "audio/wav".to_owned(),
        data: String::new(),
    });
    let mut request = ChatRequest::new(vec![Message::new(Role::User, vec![sound.into()])]);
    let options = RequestOptions::new("claude-sonnet-4-5");
    let error = encode_chat(&request, &options).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unsupported, Retry::Elsewhere)
    );
    request.messages = vec![Message::user("Hi")];
    request.sampling.n = Some(2);
    assert_eq!(
        encode_chat(&request, &options).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    request.sampling.n = Some(1);
    assert!(encode_chat(&request, &options).is_ok());
}

#[test]
fn what_anthropic_does_not_know_is_reported() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.messages[0].name = Some("Ann".to_owned());
    request.sampling.seed = Some(1);
    request.sampling.frequency_penalty = Some(0.5);
    request.sampling.presence_penalty = Some(0.0);
    request.sampling.temperature = Some(1.7);
    request.logprobs = Some(true);
    request.user = Some("u".to_owned());
    request
        .extra
        .insert(Dialect::OPENAI, "verbosity", json!("low"));
    let (body, losses) = lossy(&request, "claude-sonnet-4-0");
    assert_eq!(body["temperature"], json!(1.0));
    assert_eq!(body["metadata"], json!({"user_id": "u"}));
    let lost: Vec<&str> = losses.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        lost,
        [
            "messages[0].name",
            "frequency_penalty",
            "seed",
            "logprobs",
            "temperature",
            "verbosity"
        ]
    );
}

#[test]
fn sampling_follows_what_the_model_takes() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.sampling.temperature = Some(0.5);
    request.sampling.top_p = Some(0.9);
    request.sampling.stop = vec!["X".to_owned(), " ".to_owned()];
    let (body, losses) = lossy(&request, "claude-sonnet-4-0");
    assert_eq!(
        (&body["temperature"], &body["top_p"]),
        (&json!(0.5), &json!(0.9))
    );
    assert_eq!(body["stop_sequences"], json!(["X"]));
    assert_eq!(losses, [("stop[1]".to_owned(), LossKind::Dropped)]);
    let (body, _) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        (&body["temperature"], &body["top_p"]),
        (&json!(0.5), &Value::Null)
    );
    let (body, losses) = lossy(&request, "claude-opus-4-7");
    assert_eq!(
        (&body["temperature"], &body["top_p"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(losses.len(), 3);
}

#[test]
fn a_missing_limit_is_the_most_the_model_can_do() {
    let request = ChatRequest::new(vec![Message::user("Hi")]);
    for (model, limit) in [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-sonnet-latest", 8192),
        ("claude-sonnet-4-5", 64_000),
        ("claude-opus-5", 128_000),
        ("something-else", 8192),
    ] {
        assert_eq!(
            lossy(&request, model).0["max_tokens"],
            json!(limit),
            "{model}"
        );
    }
    let body = json(
        &encode_chat(&request, &mlflow_options("claude-opus-5"))
            .unwrap()
            .body,
    );
    assert_eq!(body["max_tokens"], json!(8192));
}

#[test]
fn efforts_become_what_the_model_understands() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    let mut reasoning = Reasoning::default();
    reasoning.effort = Some(Effort::ExtraHigh);
    request.reasoning = Some(reasoning);
    request.sampling.max_completion_tokens = Some(10_000);
    let (body, _) = lossy(&request, "claude-opus-4-7");
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "xhigh"}));
    let (body, losses) = lossy(&request, "claude-sonnet-4-6");
    assert_eq!(body["output_config"], json!({"effort": "max"}));
    assert_eq!(losses.len(), 1);
    let (body, _) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 9999})
    );
    let (body, losses) = lossy(&request, "claude-3-5-sonnet-latest");
    assert_eq!(body["thinking"], Value::Null);
    assert_eq!(losses.len(), 1);
    request.reasoning.as_mut().unwrap().effort = Some(Effort::None);
    let (body, _) = lossy(&request, "claude-opus-5");
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!((&body["thinking"], losses.len()), (&Value::Null, 0));
}

#[test]
fn thinking_leaves_room_for_forced_tools_and_temperature() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    let mut reasoning = Reasoning::default();
    reasoning.effort = Some(Effort::Low);
    request.reasoning = Some(reasoning);
    request.sampling.temperature = Some(0.2);
    let (body, losses) = lossy(&request, "claude-sonnet-4-6");
    assert_eq!(body["temperature"], Value::Null);
    assert_eq!(losses, [("temperature".to_owned(), LossKind::Dropped)]);
    request.tools = Some(vec![Tool::Function(FunctionTool::new("f"))]);
    request.tool_choice = Some(ToolChoice::Required);
    let (body, losses) = lossy(&request, "claude-sonnet-4-6");
    assert_eq!(
        (&body["thinking"], &body["temperature"]),
        (&Value::Null, &json!(0.2))
    );
    assert_eq!(losses, [("reasoning".to_owned(), LossKind::Dropped)]);
}

#[test]
fn choices_and_parallel_calls_are_written() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.tools = Some(vec![
        Tool::Function(FunctionTool::new("f")),
        Tool::Function(FunctionTool::new("g")),
    ]);
    request.parallel_tool_calls = Some(false);
    let model = "claude-sonnet-4-5";
    let (body, _) = lossy(&request, model);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert_eq!(
        body["tools"][0]["input_schema"],
        json!({"type": "object", "properties": {}})
    );
    request.tool_choice = Some(ToolChoice::Function("g".to_owned()));
    let (body, _) = lossy(&request, model);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "g", "disable_parallel_tool_use": true})
    );
    let (body, losses) = lossy(&request, "claude-opus-5-5");
    assert_eq!(body["tool_choice"]["type"], "auto");
    assert_eq!(losses, [("tool_choice".to_owned(), LossKind::Approximated)]);
    request.tool_choice = Some(ToolChoice::Allowed {
        names: vec!["f".to_owned()],
        required: true,
    });
    let (body, losses) = lossy(&request, model);
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&body["tool_choice"]["type"], losses.len()),
        (&json!("any"), 1)
    );
}

#[test]
fn schemas_go_to_the_field_of_the_api_or_into_the_prompt() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: None,
        schema,
        strict: Some(true),
    });
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["output_config"]["format"]["schema"]["additionalProperties"],
        false
    );
    assert!(losses.is_empty());
    let (body, losses) = lossy(&request, "claude-3-haiku-20240307");
    assert!(body["system"].as_str().unwrap().contains("\"properties\""));
    assert_eq!(losses.len(), 1);
}

#[test]
fn reasoning_of_others_is_not_sent_and_its_own_is() {
    let mut signed = Part::thinking("hm");
    signed.signature = Some(Signature {
        dialect: Dialect::ANTHROPIC,
        value: "s".to_owned(),
    });
    let answer = Message::new(
        Role::Assistant,
        vec![Part::thinking("foreign"), signed, Part::text("ok")],
    );
    let request = ChatRequest::new(vec![Message::user("Hi"), answer, Message::user("On")]);
    let (body, losses) = lossy(&request, "claude-sonnet-4-5");
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "ok"}])
    );
    assert_eq!(
        losses,
        [("messages[1].content[0]".to_owned(), LossKind::Dropped)]
    );
}

#[test]
fn a_foreign_proof_survives_the_way_through_a_client() {
    let request = decode(
        &json!({"max_tokens": 1, "messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "t", "signature": "gateway:gemini:abc:d"},
        {"type": "thinking", "thinking": "t", "signature": ""}]}]}),
    )
    .unwrap();
    let parts = &request.messages[0].parts;
    let proof = parts[0].signature.as_ref().unwrap();
    assert_eq!(
        (proof.dialect, proof.value.as_str()),
        (Dialect::GEMINI, "abc:d")
    );
    assert_eq!(parts[1].signature, None);
}

#[test]
fn breakpoints_and_unknown_fields_stay_where_they_were() {
    let body = json!({
        "max_tokens": 5,
        "system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}],
        "messages": [{"role": "user", "content": [{"cache_control": {"type": "ephemeral"}, "text": "x", "type": "text", "new": 1}]}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"},
                  {"name": "f", "input_schema": {"type": "object"}, "defer_loading": true, "cache_control": {"type": "ephemeral"}}],
        "context_management": {"edits": []},
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "max", "task_budget": {"type": "tokens", "total": 1}},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    });
    let request = decode(&body).unwrap();
    assert_eq!(request.user.as_deref(), Some("u"));
    let mut written = json(&encode(&request, "claude-opus-4-6").body);
    written.as_object_mut().unwrap().remove("model");
    assert_eq!(written, body);
}

#[test]
fn bad_arguments_of_a_call_are_the_callers_mistake() {
    let call = Message::new(Role::Assistant, vec![Part::tool_call("a", "f", "{oops")]);
    let request = ChatRequest::new(vec![Message::user("Hi"), call]);
    let error = encode_chat(&request, &RequestOptions::new("claude-opus-5")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(
        error.message().contains("messages[1].content[0]"),
        "{error}"
    );
}

#[test]
fn ids_that_anthropic_refuses_are_changed_alike_in_call_and_result() {
    let call = Message::new(
        Role::Assistant,
        vec![Part::tool_call("functions.f:0", "f", "{}")],
    );
    let request = ChatRequest::new(vec![
        Message::user("Hi"),
        call,
        tool_message("functions.f:0", "1"),
    ]);
    let (body, _) = lossy(&request, "claude-opus-5");
    assert_eq!(body["messages"][1]["content"][0]["id"], "functions_f_0");
    assert_eq!(
        body["messages"][2]["content"][0]["tool_use_id"],
        "functions_f_0"
    );
}

#[test]
fn mlflow_passes_unknown_fields_on() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.extra = Extra::of(
        Dialect::MLFLOW,
        json!({"custom": 1}).as_object().unwrap().clone(),
    );
    let body = json(
        &encode_chat(&request, &mlflow_options("claude-3-5-sonnet"))
            .unwrap()
            .body,
    );
    assert_eq!(body["custom"], 1);
}

#[test]
fn a_text_by_value_is_sent_as_text() {
    let part = Part::new(Content::Document {
        media: Media::Base64 {
            media_type: "text/plain".to_owned(),
            data: "SGVsbG8=".to_owned(),
        },
        title: None,
        context: None,
        citations: None,
    });
    let request = ChatRequest::new(vec![Message::new(Role::User, vec![part])]);
    let body = json(&encode(&request, "claude-sonnet-4-5").body);
    assert_eq!(
        body["messages"][0]["content"][0]["source"],
        serde_json::json!({"type": "text", "media_type": "text/plain", "data": "Hello"})
    );
}
