//! Gemini models and models as a service on Vertex AI.

use gateway_provider::{Call, Payload};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{ErrorKind, Operation, Request};
use gateway_testkit::ScriptedReply;
use gateway_testkit::provider::{Sample, Suite};
use serde_json::json;

use super::{Scene, account, context, stream, whole};
use crate::VERTEX_AI;

fn chat() -> Payload {
    let request = ChatRequest::new(vec![Message::user("Hi")]);
    Payload::from_request(Request::Chat(Box::new(request)))
}

fn token() -> ScriptedReply {
    ScriptedReply::json(200, &json!({"access_token": "ya29.t", "expires_in": 3600}))
}

#[tokio::test]
async fn gemini_models_conform() {
    Suite::new(VERTEX_AI)
        .model("gemini-2.5-flash")
        .option("vertex_project", "p")
        .option("vertex_credentials", account())
        .aside("oauth2.googleapis.com", token())
        .sample(
            Sample::chat("Say hello")
                .whole("application/json", whole("Hello").to_string())
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .run()
        .await;
}

#[tokio::test]
async fn the_location_chooses_the_host() {
    for (location, host) in [
        (json!(null), "aiplatform.googleapis.com"),
        (json!("eu"), "aiplatform.eu.rep.googleapis.com"),
        (
            json!("europe-west4"),
            "europe-west4-aiplatform.googleapis.com",
        ),
    ] {
        let scene = Scene::vertex("gemini-2.5-flash", &json!({"vertex_location": location}));
        let call = Call::new(context(), Operation::Chat, false, chat());
        scene
            .ask(call, ScriptedReply::json(200, &whole("Hi")))
            .await
            .unwrap();
        let (request, _) = scene.sent();
        let place = location.as_str().unwrap_or("global");
        assert_eq!(request.uri().host(), Some(host));
        assert_eq!(
            request.uri().path(),
            format!(
                "/v1/projects/p/locations/{place}/publishers/google/models/gemini-2.5-flash:generateContent"
            )
        );
        assert_eq!(request.headers()["authorization"], "Bearer ya29.t");
    }
}

#[tokio::test]
async fn calls_have_no_ids_there() {
    let scene = Scene::vertex("gemini-2.5-flash", &json!({}));
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    let call = gateway_schema::chat::Part::tool_call("call_1", "f", "{}");
    let turn = Message::new(gateway_schema::chat::Role::Assistant, vec![call]);
    request.messages.push(turn);
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    let call = Call::new(context(), Operation::Chat, false, payload);
    scene
        .ask(call, ScriptedReply::json(200, &whole("Hi")))
        .await
        .unwrap();
    assert_eq!(
        scene.sent().1["contents"][1]["parts"][0],
        json!({"functionCall": {"name": "f", "args": {}}})
    );
}

#[tokio::test]
async fn vectors_come_by_predict() {
    let scene = Scene::vertex("text-embedding-004", &json!({}));
    let request = EmbeddingRequest::new(EmbeddingInput::Texts(vec!["a".into(), "b".into()]));
    let payload = Payload::from_request(Request::Embedding(Box::new(request)));
    let answer = json!({"predictions": [
        {"embeddings": {"values": [0.5], "statistics": {"token_count": 2}}},
        {"embeddings": {"values": [0.25], "statistics": {"token_count": 3}}}]});
    let call = Call::new(context(), Operation::Embedding, false, payload);
    let reply = scene
        .ask(call, ScriptedReply::json(200, &answer))
        .await
        .unwrap();
    let (request, body) = scene.sent();
    assert!(request.uri().path().ends_with("text-embedding-004:predict"));
    assert_eq!(
        body,
        json!({"instances": [{"content": "a"}, {"content": "b"}]})
    );
    let gateway_provider::ReplyBody::Whole(whole) = reply.body else {
        panic!("a stream");
    };
    assert_eq!(whole.usage().unwrap().input_tokens, Some(5));
}

#[tokio::test]
async fn models_as_a_service_speak_openai() {
    let model = "meta/llama-3.3-70b-instruct-maas";
    let scene = Scene::vertex(model, &json!({}));
    let answer = json!({"id": "x", "object": "chat.completion", "created": 1, "model": model, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]});
    let call = Call::new(context(), Operation::Chat, false, chat());
    scene
        .ask(call, ScriptedReply::json(200, &answer))
        .await
        .unwrap();
    let (request, body) = scene.sent();
    assert_eq!(
        request.uri(),
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"
    );
    assert_eq!(body["model"], model);
    let completion = CompletionRequest::new(Prompt::Text("p".to_owned()));
    let payload = Payload::from_request(Request::Completion(Box::new(completion)));
    let call = Call::new(context(), Operation::Completion, false, payload);
    let error = scene
        .ask(call, ScriptedReply::json(200, &answer))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
