//! Requests of other dialects, written for Bedrock, and bad ones of this dialect.

use gateway_schema::chat::{
    CacheControl, ChatRequest, Content, Effort, FunctionTool, Media, Message, Part, Reasoning,
    ResponseFormat, Role, Signature, Tool, ToolChoice, ToolResult,
};
use gateway_schema::{Dialect, ErrorKind, Mapping};
use serde_json::{Value, json};

use super::super::encode_chat;
use super::{decode, encode, parsed};
use crate::RequestOptions;
use crate::testing::wrong_fields;

const HAIKU: &str = "anthropic.claude-3-haiku-20240307-v1:0";
const SONNET: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

fn body(request: &ChatRequest, model: &str) -> Value {
    parsed(&encode(request, model).body)
}

fn lost(request: &ChatRequest, model: &str) -> Vec<String> {
    encode(request, model)
        .losses
        .iter()
        .map(|loss| loss.path.clone())
        .collect()
}

fn weather() -> Tool {
    let mut tool = FunctionTool::new("get_weather");
    tool.description = Some("Weather".to_owned());
    tool.parameters = Some(json!({"type": "object"}));
    tool.strict = Some(true);
    Tool::Function(tool)
}

fn result(call_id: &str, text: &str, is_error: bool) -> Message {
    let result = ToolResult {
        call_id: call_id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        form: gateway_schema::chat::ContentForm::Text,
        is_error,
    };
    Message::new(Role::Tool, vec![Content::ToolResult(result).into()])
}

#[test]
fn a_turn_with_tools_is_written_as_converse_has_it() {
    let mut request = ChatRequest::new(vec![
        Message::system("Be brief."),
        Message::user("Weather?"),
        Message::new(
            Role::Assistant,
            vec![
                Part::tool_call("a:b", "get_weather", "{\"city\":\"Oslo\"}"),
                Part::tool_call("c", "get_weather", ""),
            ],
        ),
        result("a:b", "cold", false),
        result("c", "broken", true),
    ]);
    request.tools = Some(vec![weather()]);
    request.tool_choice = Some(ToolChoice::Required);
    request.sampling.max_completion_tokens = Some(9);
    request.sampling.temperature = Some(1.5);
    request.sampling.stop = vec!["X".to_owned()];
    request.sampling.top_k = Some(4);
    assert_eq!(
        body(&request, HAIKU),
        json!({
            "messages": [
                {"role": "user", "content": [{"text": "Weather?"}]},
                {"role": "assistant", "content": [
                    {"toolUse": {"toolUseId": "a_b", "name": "get_weather", "input": {"city": "Oslo"}}},
                    {"toolUse": {"toolUseId": "c", "name": "get_weather", "input": {}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "a_b", "content": [{"text": "cold"}]}},
                    {"toolResult": {"toolUseId": "c", "content": [{"text": "broken"}], "status": "error"}},
                ]},
            ],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 9, "temperature": 1.0, "stopSequences": ["X"]},
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "get_weather", "description": "Weather", "inputSchema": {"json": {"type": "object"}}}}],
                "toolChoice": {"any": {}},
            },
            "additionalModelRequestFields": {"top_k": 4},
        })
    );
    assert_eq!(
        lost(&request, HAIKU),
        ["tools[0].function.strict", "temperature"]
    );
    let nova = body(&request, "amazon.nova-lite-v1:0");
    assert_eq!(
        nova["additionalModelRequestFields"],
        json!({"inferenceConfig": {"topK": 4}})
    );
    assert!(
        lost(&request, "meta.llama3-70b").contains(&"messages[4].content[0].is_error".to_owned())
    );
}

#[test]
fn a_conversation_with_calls_but_without_tools_names_them() {
    let mut request = ChatRequest::new(vec![
        Message::user("Hi"),
        Message::new(Role::Assistant, vec![Part::tool_call("c", "f", "{}")]),
        result("c", "x", false),
    ]);
    assert_eq!(
        body(&request, HAIKU)["toolConfig"]["tools"][0]["toolSpec"]["name"],
        "f"
    );
    assert_eq!(lost(&request, HAIKU), ["tools"]);
    request.tools = Some(vec![weather()]);
    request.tool_choice = Some(ToolChoice::None);
    assert!(
        body(&request, HAIKU)["toolConfig"]
            .get("toolChoice")
            .is_none()
    );
    let mut plain = ChatRequest::new(vec![Message::user("Hi")]);
    plain.tools = Some(vec![weather()]);
    plain.tool_choice = Some(ToolChoice::None);
    assert!(body(&plain, HAIKU).get("toolConfig").is_none());
}

#[test]
fn media_go_by_value_or_from_s3() {
    let image = |media| {
        ChatRequest::new(vec![Message::new(
            Role::User,
            vec![
                Content::Image {
                    media,
                    detail: None,
                }
                .into(),
            ],
        )])
    };
    let url = |url: &str| {
        image(Media::Url {
            media_type: None,
            url: url.to_owned(),
        })
    };
    let at =
        |request: &ChatRequest| body(request, HAIKU)["messages"][0]["content"][0]["image"].clone();
    assert_eq!(
        at(&url("data:image/jpeg;base64,AAAA")),
        json!({"format": "jpeg", "source": {"bytes": "AAAA"}})
    );
    assert_eq!(
        at(&url("s3://b/k.png")),
        json!({"format": "png", "source": {"s3Location": {"uri": "s3://b/k.png"}}})
    );
    let error = encode_chat(
        &url("https://example.com/x.png"),
        &RequestOptions::new(HAIKU),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("messages[0].content[0]"),
        "{error}"
    );
    let document = Content::Document {
        media: Media::Base64 {
            media_type: "application/pdf".to_owned(),
            data: "AAAA".to_owned(),
        },
        title: Some("my  report.v2.pdf".to_owned()),
        context: None,
        citations: Some(true),
    };
    let request = ChatRequest::new(vec![Message::new(Role::User, vec![document.into()])]);
    assert_eq!(
        body(&request, HAIKU)["messages"][0]["content"][0]["document"],
        json!({"format": "pdf", "source": {"bytes": "AAAA"}, "name": "my report-v2-pdf", "citations": {"enabled": true}})
    );
}

#[test]
fn thinking_is_asked_for_in_each_models_words() {
    let asked = |effort, budget| {
        let mut request = ChatRequest::new(vec![Message::user("Hi")]);
        let mut reasoning = Reasoning::default();
        reasoning.effort = effort;
        reasoning.budget_tokens = budget;
        request.reasoning = Some(reasoning);
        request.sampling.temperature = Some(0.5);
        request
    };
    let fields =
        |request: &ChatRequest, model| body(request, model)["additionalModelRequestFields"].clone();
    let budget = asked(None, Some(2000));
    assert_eq!(
        fields(&budget, SONNET),
        json!({"thinking": {"type": "enabled", "budget_tokens": 2000}})
    );
    assert!(
        body(&budget, SONNET).get("inferenceConfig").is_none(),
        "no temperature while Claude thinks"
    );
    let high = asked(Some(Effort::High), None);
    assert_eq!(
        fields(&high, "anthropic.claude-opus-4-7"),
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}})
    );
    assert_eq!(
        fields(&high, "us.amazon.nova-2-lite-v1:0"),
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})
    );
    assert_eq!(
        fields(&high, "openai.gpt-oss-120b-1:0"),
        json!({"reasoning_effort": "high"})
    );
    assert!(lost(&high, HAIKU).contains(&"reasoning".to_owned()));
}

#[test]
fn only_proofs_that_a_model_can_check_go_back_to_it() {
    let turn = |dialect| {
        let mut part = Part::thinking("hm");
        part.signature = Some(Signature {
            dialect,
            value: "s".to_owned(),
        });
        ChatRequest::new(vec![
            Message::user("Hi"),
            Message::new(Role::Assistant, vec![part, Part::text("x")]),
            Message::user("and?"),
        ])
    };
    let first = |dialect, model| body(&turn(dialect), model)["messages"][1]["content"][0].clone();
    let kept = json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}});
    assert_eq!(first(Dialect::BEDROCK, SONNET), kept);
    assert_eq!(first(Dialect::ANTHROPIC, SONNET), kept);
    assert_eq!(first(Dialect::GEMINI, SONNET), json!({"text": "x"}));
    assert_eq!(
        lost(&turn(Dialect::GEMINI), SONNET),
        ["messages[1].content[0]"]
    );
}

#[test]
fn structured_output_is_a_field_where_the_model_knows_it_and_a_sentence_elsewhere() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some("city".to_owned()),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    });
    let native = body(&request, "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(
        native["outputConfig"]["textFormat"]["structure"]["jsonSchema"],
        json!({"schema": "{\"type\":\"object\"}", "name": "city"})
    );
    let asked = body(&request, "amazon.nova-lite-v1:0");
    assert!(
        asked["system"][0]["text"]
            .as_str()
            .unwrap()
            .ends_with("JSON Schema: {\"type\":\"object\"}")
    );
    assert_eq!(lost(&request, "amazon.nova-lite-v1:0"), ["response_format"]);
}

#[test]
fn cache_marks_go_only_to_models_with_a_cache() {
    let mut part = Part::text("long");
    let mut cache = CacheControl::default();
    cache.ttl = Some("1h".to_owned());
    part.cache = Some(cache);
    let request = ChatRequest::new(vec![Message::new(Role::User, vec![part])]);
    assert_eq!(
        body(&request, SONNET)["messages"][0]["content"][1],
        json!({"cachePoint": {"type": "default", "ttl": "1h"}})
    );
    assert_eq!(
        lost(&request, "meta.llama3-70b"),
        ["messages[0].content[0].cache_control"]
    );
}

#[test]
fn mlflow_refuses_bad_arguments_in_its_own_words() {
    let request = ChatRequest::new(vec![
        Message::user("Hi"),
        Message::new(Role::Assistant, vec![Part::tool_call("c", "f", "{oops")]),
    ]);
    let error = encode_chat(
        &request,
        &RequestOptions::new(HAIKU).with_mapping(Mapping::Mlflow),
    )
    .unwrap_err();
    assert_eq!(error.status(), Some(422));
    assert_eq!(
        error.message(),
        "Invalid assistant tool call arguments: not valid JSON for tool_call_id=c, tool_name=f."
    );
    let error = encode_chat(&request, &RequestOptions::new(HAIKU)).unwrap_err();
    assert!(
        error.message().starts_with("messages[1].content[0]: "),
        "{error}"
    );
}

#[test]
fn mlflow_drops_the_number_of_answers_and_reports_it() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.sampling.n = Some(2);
    let options = RequestOptions::new(HAIKU);
    let error = encode_chat(&request, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let losses = encode_chat(&request, &options.with_mapping(Mapping::Mlflow))
        .unwrap()
        .losses;
    let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(paths, ["n"]);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let error = decode(&json!({
        "messages": [
            {"role": "robot", "content": [{"text": "x"}]},
            {"role": "user"},
            {"role": "user", "content": [{"text": 7}, "x", {"toolResult": {"content": []}}, {"image": {"format": "png"}}]},
        ],
        "inferenceConfig": {"maxTokens": "many", "stopSequences": [1]},
        "toolConfig": {"tools": [{"toolSpec": {}}]},
    }))
    .unwrap_err();
    let paths = wrong_fields(&error);
    assert_eq!(
        paths,
        [
            "messages[0].role",
            "messages[1].content",
            "messages[2].content[0].text",
            "messages[2].content[1]",
            "messages[2].content[2].toolResult.toolUseId",
            "messages[2].content[3].source",
            "inferenceConfig.maxTokens",
            "inferenceConfig.stopSequences[0]",
            "toolConfig.tools[0].toolSpec.name",
        ]
    );
}
