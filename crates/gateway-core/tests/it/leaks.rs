//! The gateway's own credentials: whatever a provider says of them, no caller, record or header shows them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_store::MemoryRecords;
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::ServiceExt;

use crate::support::loaded;

const KEY: &str = "sk-upstream-4f9d1c7b2a6eQxZw";
const ENDPOINTS: &str = "endpoints:
  - name: openai
    endpoint_type: llm/v1/chat
    model: {provider: openai, name: m, config: {openai_api_key: sk-upstream-4f9d1c7b2a6eQxZw}}
  - name: anthropic
    endpoint_type: llm/v1/chat
    model: {provider: anthropic, name: m, config: {anthropic_api_key: sk-upstream-4f9d1c7b2a6eQxZw}}
";

struct World {
    gateway: Gateway,
    records: Arc<MemoryRecords>,
}

fn world(reply: ScriptedReply) -> World {
    let registry = Registry::new()
        .with(gateway_provider_openai::OPENAI)
        .with(gateway_provider_anthropic::ANTHROPIC);
    let plan = loaded(ENDPOINTS, &registry);
    let transport = ScriptedTransport::new().always(reply);
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    World { gateway, records }
}

/// Path and body of a question to `endpoint` on every surface.
fn questions(endpoint: &str, stream: bool) -> Vec<(String, String)> {
    let message = json!([{"role": "user", "content": "Hi"}]);
    let chat = json!({"model": endpoint, "messages": message, "max_tokens": 9, "stream": stream});
    let bare = json!({"messages": message, "max_tokens": 9, "stream": stream});
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]});
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]});
    let (verb, action) = if stream {
        ("streamGenerateContent?alt=sse", "converse-stream")
    } else {
        ("generateContent", "converse")
    };
    let responses = json!({"model": endpoint, "input": "Hi", "stream": stream});
    let proxied = json!({"model": "m", "messages": message, "stream": stream});
    [
        ("/v1/chat/completions".to_owned(), &chat),
        ("/v1/messages".to_owned(), &chat),
        ("/v1/responses".to_owned(), &responses),
        ("/v2/chat".to_owned(), &chat),
        (format!("/v1beta/models/{endpoint}:{verb}"), &gemini),
        (format!("/model/{endpoint}/{action}"), &converse),
        (format!("/gateway/{endpoint}/invocations"), &bare),
        (
            format!("/openai/deployments/{endpoint}/chat/completions?api-version=1"),
            &chat,
        ),
        (
            format!("/gateway/proxy/{endpoint}/v1/chat/completions"),
            &proxied,
        ),
    ]
    .map(|(path, body)| (path, body.to_string()))
    .into()
}

/// Everything a caller sees, and everything that is recorded.
async fn seen(world: &World, path: &str, body: &str) -> String {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    let response = world.gateway.clone().oneshot(request).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    let records = world.records.take();
    format!(
        "{} {:?} {} {records:?}",
        head.status.as_u16(),
        head.headers,
        String::from_utf8_lossy(&bytes)
    )
}

fn assert_clean(seen: &str, what: &str) {
    for part in [KEY, "4f9d1c7b2a6eQxZw", "sk-upst", "QxZw"] {
        assert!(!seen.contains(part), "{what}: {seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_errors_words_show_the_gateways_key_on_any_surface() {
    for status in [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503] {
        for words in [
            format!("Incorrect API key provided: {KEY}."),
            "Incorrect API key provided: sk-upst****************QxZw.".to_owned(),
        ] {
            let error = json!({"type": "error", "error": {
                "message": words, "type": "invalid_request_error", "code": words, "param": words,
            }, "message": words});
            let reply = ScriptedReply::json(status, &error).header("x-request-id", KEY);
            let world = world(reply);
            for endpoint in ["openai", "anthropic"] {
                for (path, body) in questions(endpoint, false) {
                    let seen = seen(&world, &path, &body).await;
                    assert_clean(&seen, &format!("{status} {path}"));
                    assert!(seen.contains("Incorrect API key"), "{path} {seen}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_or_event_shows_the_gateways_key() {
    let whole = json!({"id": "c", "type": "message", "role": "assistant", "model": KEY,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": KEY}, "finish_reason": "stop"}],
        "content": [{"type": "text", "text": KEY}], "stop_reason": "end_turn", "debug": KEY});
    let event =
        json!({"id": "c", "model": KEY, "choices": [{"index": 0, "delta": {"content": KEY}}]});
    let broken =
        json!({"error": {"message": format!("bad key {KEY}"), "type": "invalid_request_error"}});
    let stream = format!("data: {event}\n\ndata: {broken}\n\n");
    let cut = stream.find(KEY).unwrap() + 9;
    let pieces = [&stream[..cut], &stream[cut..]].map(|it| Bytes::copy_from_slice(it.as_bytes()));
    let sse = ScriptedReply::sse("").chunks(pieces);
    for (reply, is_stream) in [(ScriptedReply::json(200, &whole), false), (sse, true)] {
        let world = world(
            reply
                .header("x-debug", KEY)
                .header("x-ratelimit-scope", KEY),
        );
        for endpoint in ["openai", "anthropic"] {
            for (path, body) in questions(endpoint, is_stream) {
                let seen = seen(&world, &path, &body).await;
                assert_clean(&seen, &path);
            }
        }
    }
}
