//! Requests out.

use gateway_schema::chat::{
    ChatRequest, Content, ContentForm, Effort, FunctionTool, Media, Message, Part, Reasoning,
    ResponseFormat, Role, Tool, ToolChoice, ToolResult,
};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{
    EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingTask,
};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{Dialect, ErrorKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{encode_chat, encode_completion_by_chat, encode_embedding, encode_rerank};
use super::json;
use crate::{EncodedRequest, RequestOptions, testing};

const MODEL: &str = "command-a-03-2025";

fn encode(request: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    read(&encode_chat(request, &RequestOptions::new(model)).unwrap())
}

fn read(encoded: &EncodedRequest) -> (Value, Vec<String>) {
    let losses = encoded.losses.iter().map(|loss| loss.path.clone());
    (json(&encoded.body), losses.collect())
}

fn result(text: &str) -> Message {
    let result = ToolResult {
        call_id: "c1".to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        form: ContentForm::Text,
        is_error: false,
    };
    Message::new(Role::Tool, vec![Content::ToolResult(result).into()])
}

#[test]
fn a_round_with_tools_has_a_plan_calls_and_results() {
    let mut request = ChatRequest::new(vec![
        Message::system("Be short."),
        Message::user("Weather?"),
        Message::new(
            Role::Assistant,
            vec![
                Part::thinking("I will look."),
                Part::tool_call("c1", "weather", r#"{"at":"Berlin"}"#),
            ],
        ),
        result("15 degrees"),
    ]);
    let mut tool = FunctionTool::new("weather");
    tool.parameters = Some(json!({"type": "object", "properties": {"at": {"type": "string"}}}));
    request.tools = Some(vec![
        Tool::Function(tool),
        Tool::Function(FunctionTool::new("other")),
    ]);
    request.tool_choice = Some(ToolChoice::Function("weather".to_owned()));
    request.stream = true;
    let (body, losses) = encode(&request, MODEL);
    assert_eq!(losses, ["tool_choice"]);
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "stream": true,
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"at\":\"Berlin\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "c1", "content": "15 degrees"},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "description": "",
                "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}],
            "tool_choice": "REQUIRED",
        })
    );
}

#[test]
fn sampling_has_coheres_names_and_bounds() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.sampling.max_tokens = Some(5);
    request.sampling.temperature = Some(0.5);
    request.sampling.top_p = Some(1.0);
    request.sampling.top_k = Some(40);
    request.sampling.frequency_penalty = Some(-1.0);
    request.sampling.presence_penalty = Some(0.5);
    request.sampling.seed = Some(7);
    request.sampling.stop = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    });
    let (body, losses) = encode(&request, MODEL);
    assert_eq!(losses, ["top_p", "frequency_penalty", "stop[5]"]);
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "messages": [{"role": "user", "content": "Hi"}],
            "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
            "max_tokens": 5, "temperature": 0.5, "p": 0.99, "frequency_penalty": 0.0,
            "presence_penalty": 0.5, "k": 40, "seed": 7, "stop_sequences": ["a", "b", "c", "d", "e"],
        })
    );
    request.sampling.n = Some(2);
    let error = encode_chat(&request, &RequestOptions::new(MODEL)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn coheres_own_parameters_pass_and_foreign_ones_are_reported() {
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    let extra = &mut request.extra;
    extra.insert(Dialect::OPENAI, "safety_mode", "STRICT".into());
    extra.insert(
        Dialect::OPENAI,
        "documents",
        json!([{"data": {"text": "d"}}]),
    );
    extra.insert(Dialect::OPENAI, "verbosity", "low".into());
    request.user = Some("u".to_owned());
    let (body, losses) = encode(&request, MODEL);
    assert_eq!(losses, ["user", "verbosity"]);
    assert_eq!(body["safety_mode"], "STRICT");
    assert_eq!(body["documents"], json!([{"data": {"text": "d"}}]));
}

#[test]
fn pictures_are_sent_and_documents_stand_beside_the_messages() {
    let media = Media::Base64 {
        media_type: "image/jpeg".to_owned(),
        data: "QQ==".to_owned(),
    };
    let picture = Content::Image {
        media,
        detail: None,
    };
    let document = Content::Document {
        media: Media::Text("Ruby is a language.".to_owned()),
        title: Some("facts".to_owned()),
        context: None,
        citations: None,
    };
    let parts = vec![Part::text("Look"), picture.into(), document.into()];
    let request = ChatRequest::new(vec![Message::new(Role::User, parts)]);
    let (body, losses) = encode(&request, MODEL);
    assert_eq!(losses, ["messages[0].content[2]"]);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QQ=="}},
        ]}])
    );
    assert_eq!(
        body["documents"],
        json!([{"data": {"title": "facts", "text": "Ruby is a language."}}])
    );
}

#[test]
fn only_models_that_think_are_told_to_and_get_their_thoughts_back() {
    let mut answer = Message::assistant("4");
    answer.parts.insert(0, Part::thinking("2 and 2"));
    let mut request = ChatRequest::new(vec![Message::user("2+2"), answer, Message::user("Why?")]);
    let mut reasoning = Reasoning::default();
    reasoning.budget_tokens = Some(500);
    request.reasoning = Some(reasoning);
    let (body, losses) = encode(&request, "command-a-reasoning-08-2025");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "token_budget": 500})
    );
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "2 and 2"}, {"type": "text", "text": "4"}])
    );
    let (body, losses) = encode(&request, MODEL);
    assert_eq!(losses, ["messages[1].content[0]", "reasoning"]);
    assert_eq!(body.get("thinking"), None);
    assert_eq!(body["messages"][1]["content"], "4");
    let mut off = Reasoning::default();
    off.effort = Some(Effort::None);
    request.reasoning = Some(off);
    let (body, _) = encode(&request, "command-a-plus-05-2026");
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
}

#[test]
fn completions_vectors_and_ranks_have_their_own_bodies() {
    let options = RequestOptions::new(MODEL);
    let mut completion = CompletionRequest::new(Prompt::Text("Once".to_owned()));
    completion.suffix = Some("end".to_owned());
    let (body, losses) = read(&encode_completion_by_chat(&completion, &options).unwrap());
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": "Once"}])
    );
    assert_eq!(losses, ["suffix"]);
    completion.prompt = Prompt::Tokens(vec![1]);
    assert!(encode_completion_by_chat(&completion, &options).is_err());

    let options = RequestOptions::new("embed-v4.0");
    let mut vectors = EmbeddingRequest::new(EmbeddingInput::Text("a".to_owned()));
    vectors.task = Some(EmbeddingTask::Query);
    vectors.encoding = Some(EmbeddingEncoding::Base64);
    vectors.dimensions = Some(256);
    let (body, _) = read(&encode_embedding(&vectors, &options).unwrap());
    assert_eq!(
        body,
        json!({"model": "embed-v4.0", "texts": ["a"], "input_type": "search_query",
            "embedding_types": ["base64"], "output_dimension": 256})
    );

    let options = RequestOptions::new("rerank-v3.5");
    let mut ranks =
        RerankRequest::new("q", vec!["a".into(), json!({"text": "b"}), json!({"t": 1})]);
    ranks.top_n = Some(2);
    let (body, losses) = read(&encode_rerank(&ranks, &options).unwrap());
    assert_eq!(
        body,
        json!({"model": "rerank-v3.5", "query": "q", "documents": ["a", "b", "{\"t\":1}"], "top_n": 2})
    );
    assert_eq!(losses, ["documents[2]"]);
}

proptest! {
    #[test]
    fn every_conversation_can_be_written(messages in testing::messages()) {
        let request = ChatRequest::new(messages);
        let (body, _) = encode(&request, MODEL);
        for message in body["messages"].as_array().unwrap() {
            let role = message["role"].as_str().unwrap();
            prop_assert!(["system", "user", "assistant", "tool"].contains(&role));
            prop_assert!(message.get("content").is_some() || message.get("tool_calls").is_some());
        }
    }
}
