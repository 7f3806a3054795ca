//! The first version, by MLflow's recordings.

use gateway_schema::Mapping;
use gateway_schema::chat::{ChatRequest, Message, Role, Tool};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{CallError, Dialect, Request};
use serde_json::{Value, json};

use super::super::v1;
use super::json;
use crate::mlflow::MlflowCodec;
use crate::testing::corpus::workspace;
use crate::{ClientCodec, RequestOptions};

fn options(model: &str) -> RequestOptions<'_> {
    RequestOptions::new(model).with_mapping(Mapping::Mlflow)
}

fn recorded(name: &str) -> Value {
    let path = format!("xtask/conformance/mlflow-recorded/{name}.json");
    json(&std::fs::read(workspace().join(path)).unwrap())
}

fn encode(request: &Request, model: &str) -> Result<Value, CallError> {
    let options = options(model);
    let encoded = match request {
        Request::Chat(chat) => v1::encode_chat(chat, &options)?,
        Request::Completion(completion) => v1::encode_completion(completion, &options)?,
        Request::Embedding(embedding) => v1::encode_embedding(embedding, &options)?,
        other => panic!("{other:?}"),
    };
    Ok(json(&encoded.body))
}

#[test]
fn upstreams_see_what_they_saw_from_mlflow() {
    use gateway_schema::Operation::{Chat, Embedding};
    for (name, operation) in [
        ("cohere-chat", Chat),
        ("cohere-chat-stream", Chat),
        ("cohere-chat-temperature-zero", Chat),
        ("cohere-embeddings", Embedding),
    ] {
        let case = recorded(name);
        let body = case["request"]["body"].to_string();
        let decoded = MlflowCodec::invocations()
            .decode(operation, body.as_bytes())
            .unwrap();
        assert!(v1::can_say(&decoded.value), "{name}");
        let seen = &case["upstream_seen"]["body"];
        let model = seen["model"].as_str().unwrap();
        assert_eq!(&encode(&decoded.value, model).unwrap(), seen, "{name}");
    }
    for (name, operation) in [
        ("cohere-chat-err-stop", Chat),
        ("cohere-embeddings-err-native", Embedding),
    ] {
        let case = recorded(name);
        let body = case["request"]["body"].to_string();
        let decoded = MlflowCodec::invocations()
            .decode(operation, body.as_bytes())
            .unwrap();
        let error = encode(&decoded.value, "m").unwrap_err();
        let reply = &case["gateway_reply"];
        assert_eq!(Some(error.message()), reply["body"]["detail"].as_str());
        assert_eq!(error.status().map(u64::from), reply["status"].as_u64());
    }
}

#[test]
fn refusals_have_mlflows_texts() {
    let mut chat = ChatRequest::new(vec![Message::user("a")]);
    chat.sampling.n = Some(2);
    let error = v1::encode_chat(&chat, &options("m")).unwrap_err();
    assert_eq!(
        error.message(),
        "Parameter n must be 1 for Cohere chat, got 2."
    );
    let chat = ChatRequest::new(vec![Message::user("a"), Message::assistant("b")]);
    let error = v1::encode_chat(&chat, &options("m")).unwrap_err();
    assert_eq!(
        error.message(),
        "Last message must be from user, got assistant."
    );
    let mut completion = CompletionRequest::new(Prompt::Text("p".to_owned()));
    completion
        .extra
        .insert(Dialect::MLFLOW, "num_generations", 2.into());
    let error = v1::encode_completion(&completion, &options("m")).unwrap_err();
    assert_eq!(
        error.message(),
        "Invalid parameter num_generations. Use n instead."
    );
    assert_eq!(error.status(), Some(400));
}

#[test]
fn completions_have_the_vendors_names() {
    let mut completion = CompletionRequest::new(Prompt::Text("p".to_owned()));
    completion.sampling.n = Some(1);
    completion.sampling.temperature = Some(0.5);
    completion.sampling.stop = vec!["x".to_owned()];
    let request = Request::Completion(Box::new(completion));
    assert_eq!(
        encode(&request, "command").unwrap(),
        json!({"model": "command", "prompt": "p", "temperature": 1.25, "stop_sequences": ["x"],
            "num_generations": 1})
    );
    let reply = v1::decode_completion(br#"{"id":"i","generations":[{"text":"A"},{"text":"B"}]}"#);
    let choices = reply.unwrap().choices;
    assert_eq!((choices[1].index, choices[1].text.as_str()), (1, "B"));
}

#[test]
fn newer_embedders_are_told_what_vectors_are_for() {
    let request = EmbeddingRequest::new(EmbeddingInput::Text("a".to_owned()));
    let request = Request::Embedding(Box::new(request));
    let body = encode(&request, "embed-english-v3.0").unwrap();
    assert_eq!(body["input_type"], "search_document");
    assert_eq!(body["texts"], json!(["a"]));
}

#[test]
fn what_the_first_version_cannot_say_is_left_to_the_second() {
    let mut chat = ChatRequest::new(vec![Message::user("a")]);
    chat.tools = Some(vec![Tool::Opaque {
        dialect: Dialect::OPENAI,
        value: json!({}),
    }]);
    assert!(!v1::can_say(&Request::Chat(Box::new(chat))));
    let call = gateway_schema::chat::Part::tool_call("i", "n", "{}");
    let chat = ChatRequest::new(vec![Message::new(Role::Assistant, vec![call])]);
    assert!(!v1::can_say(&Request::Chat(Box::new(chat))));
}

#[test]
fn what_the_first_version_cannot_say_of_vectors_is_told() {
    let mut request = EmbeddingRequest::new(EmbeddingInput::Text("a".to_owned()));
    request.dimensions = Some(256);
    request.encoding = Some(gateway_schema::embedding::EmbeddingEncoding::Base64);
    request.user = Some("ann".to_owned());
    request.task = Some(gateway_schema::embedding::EmbeddingTask::Query);
    let options = RequestOptions::new("embed-english-v3.0");
    let encoded = v1::encode_embedding(&request, &options).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["input_type"], "search_query");
    let lost: Vec<_> = encoded
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(lost, ["dimensions", "encoding_format", "user"]);
}
