//! Claude on Vertex AI.

use std::sync::Arc;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::anthropic::AnthropicCodec;
use gateway_json::Envelope;
use gateway_provider::{Call, Lane, Payload};
use gateway_schema::{CallError, Decoded, Dialect, Operation};
use gateway_testkit::ScriptedReply;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{Scene, context};

const MODEL: &str = "claude-sonnet-4-5@20250929";

fn read(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    AnthropicCodec.decode(operation, body)
}

fn payload(text: &str) -> Payload {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let envelope = Envelope::scan(&bytes).unwrap();
    Payload::from_bytes(Dialect::ANTHROPIC, bytes, envelope, &read)
}

fn answer() -> ScriptedReply {
    ScriptedReply::json(
        200,
        &json!({"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [
            {"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 1}, "input_tokens": 3}),
    )
}

async fn sent(
    operation: Operation,
    text: &str,
    betas: Value,
    said: &'static str,
) -> (http::Request<Bytes>, Value) {
    let scene = Scene::vertex(MODEL, &json!({ "vertex_anthropic_betas": betas }));
    let mut context = context();
    let mut headers = HeaderMap::new();
    headers.append("anthropic-beta", HeaderValue::from_static(said));
    context.headers = Arc::new(headers);
    let call = Call::new(context, operation, false, payload(text));
    let reply = scene.ask(call, answer()).await.unwrap();
    assert_eq!(reply.lane, Lane::Same);
    scene.sent()
}

#[tokio::test]
async fn the_version_takes_the_place_of_the_model_wherever_it_stands() {
    let messages = r#""messages":[{"role":"user","content":"Hi"}]"#;
    for text in [
        format!(r#"{{"model":"alias","max_tokens":5,{messages}}}"#),
        format!(r#"{{"max_tokens":5, "model" : "alias" , {messages}}}"#),
        format!(r#"{{"max_tokens":5,{messages},"model":"alias"}}"#),
        format!(r#"{{"max_tokens":5,{messages}}}"#),
    ] {
        let (request, body) = sent(Operation::Chat, &text, json!(null), "a,b").await;
        assert_eq!(
            body,
            json!({"anthropic_version": "vertex-2023-10-16", "max_tokens": 5,
                "messages": [{"role": "user", "content": "Hi"}]}),
            "{text}"
        );
        assert!(request.uri().path().ends_with(
            "/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"
        ));
        assert_eq!(request.headers()["anthropic-beta"], "a,b");
    }
}

#[tokio::test]
async fn betas_are_passed_on_as_the_settings_say() {
    let text = r#"{"model":"alias","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}"#;
    for (betas, want) in [
        (json!(null), Some("a, b")),
        (json!([]), None),
        (json!("b,c"), Some("b")),
    ] {
        let (request, _) = sent(Operation::Chat, text, betas, "a, b").await;
        let got = request.headers().get("anthropic-beta");
        assert_eq!(got.map(|value| value.to_str().unwrap()), want);
    }
}

#[tokio::test]
async fn a_count_names_the_model_in_its_body() {
    let text = r#"{"model":"alias","messages":[{"role":"user","content":"Hi"}]}"#;
    let (request, body) = sent(Operation::CountTokens, text, json!(null), "a").await;
    assert_eq!(body["model"], MODEL);
    assert!(
        request
            .uri()
            .path()
            .ends_with("/models/count-tokens:rawPredict")
    );
}
