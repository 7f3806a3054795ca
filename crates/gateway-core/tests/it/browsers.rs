//! What web pages may have a browser do, and what `/health` says to whom.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::edge::Loopback;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::ServiceExt;

use crate::support::loaded;

const CHAT: &str = r#"{"model":"chat","messages":[{"role":"user","content":"Hi"}]}"#;

struct World {
    gateway: Gateway,
    transport: ScriptedTransport,
}

/// A gateway with the endpoints `chat` and `other`, and these lines besides.
fn world(reply: ScriptedReply, rest: &str) -> World {
    let registry = Registry::new().with(gateway_provider_openai::OPENAI);
    let model = "{provider: openai, name: m, config: {openai_api_key: sk-upstream-0123456789}}";
    let breaker = "breaker: {failures: 1}";
    let text = format!(
        "endpoints:\n  - {{name: chat, endpoint_type: llm/v1/chat, model: {model}, {breaker}}}\n  \
         - {{name: other, endpoint_type: llm/v1/chat, model: {model}, {breaker}}}\n{rest}"
    );
    let plan = loaded(&text, &registry);
    let transport = ScriptedTransport::new().always(reply);
    let engine = EngineBuilder::new(registry, deps(&transport))
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    World { gateway, transport }
}

fn answer() -> ScriptedReply {
    let message = json!({"role": "assistant", "content": "Hello"});
    ScriptedReply::json(
        200,
        &json!({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}),
    )
    .header("access-control-allow-origin", "*")
    .header("access-control-allow-credentials", "true")
}

impl World {
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Loopback);
        let response = self.gateway.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        (head.status.as_u16(), head.headers, text)
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
const PROXY: &str = "/gateway/proxy/chat/v1/models";

#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_spends_nothing() {
    let world = world(answer(), "");
    let chat = "/v1/chat/completions";
    for (method, path, headers, status) in [
        (Method::POST, chat, &[EVIL, CROSS][..], 403),
        (Method::POST, chat, &[EVIL, JSON], 403),
        (
            Method::POST,
            chat,
            &[CROSS, ("content-type", "text/plain")],
            403,
        ),
        (Method::POST, chat, &[("origin", "null"), JSON], 403),
        (
            Method::POST,
            chat,
            &[("sec-fetch-site", "same-site"), JSON],
            403,
        ),
        (
            Method::POST,
            chat,
            &[("sec-fetch-site", "same-origin")],
            415,
        ),
        (Method::POST, chat, &[("content-type", "text/plain")], 415),
        (
            Method::POST,
            chat,
            &[("content-type", "application/x-www-form-urlencoded")],
            415,
        ),
        (
            Method::POST,
            chat,
            &[("content-type", "multipart/form-data; boundary=x")],
            415,
        ),
        (
            Method::POST,
            chat,
            &[JSON, ("host", "evil.example:5000")],
            403,
        ),
        (Method::POST, "/v1/messages", &[EVIL], 403),
        (Method::POST, "/gateway/chat/invocations", &[CROSS], 403),
        (Method::GET, PROXY, &[CROSS], 403),
        (Method::GET, PROXY, &[EVIL], 403),
        (Method::GET, PROXY, &[("host", "evil.example")], 403),
        (Method::GET, "/v1/models", &[("host", "evil.example")], 403),
        (
            Method::OPTIONS,
            PROXY,
            &[EVIL, ("access-control-request-method", "POST")],
            403,
        ),
        (
            Method::OPTIONS,
            chat,
            &[EVIL, ("access-control-request-method", "POST")],
            405,
        ),
    ] {
        let (got, sent, body) = world.send(method.clone(), path, headers, CHAT).await;
        assert_eq!(got, status, "{method} {path} {headers:?}: {body}");
        assert!(!sent.contains_key("access-control-allow-origin"));
    }
    assert_eq!(world.transport.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn sdks_and_programs_go_on_as_before() {
    let world = world(answer(), "");
    for (method, path, headers) in [
        (Method::POST, "/v1/chat/completions", &[JSON][..]),
        (Method::POST, "/v1/chat/completions", &[]),
        (
            Method::POST,
            "/v1/chat/completions",
            &[JSON, ("sec-fetch-mode", "cors")],
        ),
        (
            Method::POST,
            "/v1/chat/completions",
            &[JSON, ("host", "localhost:5000")],
        ),
        (
            Method::POST,
            "/v1/chat/completions",
            &[JSON, ("host", "[::1]:5000")],
        ),
        (Method::GET, PROXY, &[]),
        (Method::OPTIONS, PROXY, &[]),
    ] {
        let (status, headers, body) = world.send(method.clone(), path, headers, CHAT).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        for name in headers.keys() {
            assert!(!name.as_str().starts_with("access-control-"), "{name}");
        }
    }
    assert_eq!(world.transport.requests().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn pages_of_configured_origins_call_and_read() {
    let rest = "auth:\n  keys:\n    - {name: a, key: vk-a}\nserver:\n  allowed_hosts: [llm.example.com]\n  \
                cors: {allow_origins: ['https://app.example', 'http://localhost:*'], max_age: 1m}\n";
    let world = world(answer(), rest);
    let app = ("origin", "https://app.example");
    let asked = [
        app,
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
        ("host", "llm.example.com"),
    ];
    for path in ["/v1/chat/completions", PROXY, "/nothing"] {
        let (status, headers, body) = world.send(Method::OPTIONS, path, &asked, "").await;
        assert_eq!((status, body.as_str()), (204, ""), "{path}");
        assert_eq!(
            headers["access-control-allow-origin"],
            "https://app.example"
        );
        assert_eq!(
            headers["access-control-allow-headers"],
            "authorization,content-type"
        );
        assert_eq!(headers["access-control-max-age"], "60");
    }
    assert_eq!(world.transport.requests().len(), 0);
    let key = ("authorization", "Bearer vk-a");
    for (path, status, headers) in [
        ("/v1/chat/completions", 200, &[app, CROSS, JSON, key][..]),
        ("/gateway/proxy/chat/v1/embeddings", 200, &[app, JSON, key]),
        ("/v1/chat/completions", 401, &[app, JSON]),
        ("/nothing", 404, &[app, JSON, key]),
    ] {
        let (got, sent, _) = world.send(Method::POST, path, headers, CHAT).await;
        assert_eq!(got, status, "{path}");
        assert_eq!(
            sent["access-control-allow-origin"], "https://app.example",
            "{path}"
        );
        assert_eq!(sent["access-control-expose-headers"], "*");
        assert!(!sent.contains_key("access-control-allow-credentials"));
    }
    let (status, ..) = world
        .send(
            Method::POST,
            "/v1/chat/completions",
            &[EVIL, JSON, key],
            CHAT,
        )
        .await;
    assert_eq!(status, 403);
    let elsewhere = [JSON, key, ("host", "evil.example")];
    let (status, ..) = world
        .send(Method::POST, "/v1/chat/completions", &elsewhere, CHAT)
        .await;
    assert_eq!(status, 403);
}

#[tokio::test(start_paused = true)]
async fn health_says_to_each_caller_what_it_may_use() {
    let rest = "auth:\n  keys:\n    - {name: all, key: vk-all}\n    - {name: one, key: vk-one, endpoints: [chat]}\n    \
                - {name: scraper, key: vk-none, endpoints: []}\n";
    let world = world(ScriptedReply::json(500, &json!({"error": {}})), rest);
    for name in ["chat", "other"] {
        let body = CHAT.replace("chat", name);
        let key = ("authorization", "Bearer vk-all");
        let path = "/v1/chat/completions";
        let (status, ..) = world.send(Method::POST, path, &[JSON, key], &body).await;
        assert_eq!(status, 500);
    }
    world
        .gateway
        .refuse("/etc/gateway/secret-team.yaml:7: endpoint 'other' is wrong");
    let health = async |key: &str| {
        let value = format!("Bearer {key}");
        let headers = [("authorization", value.as_str())];
        let headers = if key.is_empty() { &[][..] } else { &headers };
        world.send(Method::GET, "/health", headers, "").await.2
    };
    for key in ["vk-all", "vk-none"] {
        let seen = health(key).await;
        assert!(seen.contains("secret-team.yaml"), "{seen}");
        assert!(seen.contains(r#""endpoint":"other""#), "{seen}");
    }
    let seen = health("vk-one").await;
    assert!(seen.contains(r#""endpoint":"chat""#), "{seen}");
    assert!(seen.contains(r#""reload":{"status":"refused"}"#), "{seen}");
    assert!(
        !seen.contains("other") && !seen.contains("secret-team"),
        "{seen}"
    );
    for key in ["", "vk-wrong"] {
        assert_eq!(health(key).await, r#"{"status":"OK"}"#, "{key}");
    }
}
