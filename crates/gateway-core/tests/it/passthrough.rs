//! Requests that are passed on as they are, with every policy around them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::config::{FileText, Loaded, Lookup, Source, Strictness, load};
use gateway_core::{Checked, EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_store::{MemoryRecords, Settlement};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> FileText {
        FileText::Absent
    }
}

struct World {
    gateway: Gateway,
    transport: ScriptedTransport,
    records: Arc<MemoryRecords>,
}

const MODEL: &str = "model: {provider: openai, name: gpt-4o-mini, config: {openai_api_key: sk-up}}";

/// A gateway with one endpoint named `chat`, with these lines besides.
fn world(transport: ScriptedTransport, endpoint: &str, rest: &str) -> World {
    let text = format!(
        "endpoints:\n  - name: chat\n    endpoint_type: llm/v1/chat\n    {endpoint}\n{rest}"
    );
    let registry = Registry::new()
        .with(gateway_provider_openai::OPENAI)
        .with(gateway_provider_anthropic::ANTHROPIC)
        .with(gateway_provider_simulator::SIMULATOR);
    let loaded = load(
        Source::new("test.yaml", text.as_str()),
        &Nothing,
        &Checked(&registry),
        Strictness::Strict,
    );
    let Loaded { plan, .. } = loaded.unwrap_or_else(|report| panic!("{report}"));
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    World {
        gateway,
        transport,
        records,
    }
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    /// What came of the body, and whether it ended well.
    body: Result<Bytes, Bytes>,
}

impl Got {
    fn text(&self) -> String {
        let (Ok(body) | Err(body)) = &self.body;
        String::from_utf8_lossy(body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    async fn send(&self, request: Request<Bytes>) -> Got {
        let response = self
            .gateway
            .clone()
            .oneshot(request.map(Full::new))
            .await
            .unwrap();
        let (head, mut body) = response.into_parts();
        let mut got = Vec::new();
        let mut whole = true;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                whole = false;
                break;
            };
            got.extend_from_slice(&frame.into_data().unwrap());
        }
        let got = Bytes::from(got);
        Got {
            status: head.status,
            headers: head.headers,
            body: if whole { Ok(got) } else { Err(got) },
        }
    }
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

fn answer() -> ScriptedReply {
    ScriptedReply::json(
        200,
        &json!({"id": "c-1", "model": "gpt-4o-mini", "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3}}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_up_as_it_is_but_for_the_credential() {
    let world = world(ScriptedTransport::new().always(answer()), MODEL, "");
    let body = "{ \"model\":\"gpt-4o\",  \"messages\":[] }";
    let mut request = post("/gateway/proxy/chat/v1/chat/completions?x=1&y=%2F", body);
    let headers = request.headers_mut();
    for (name, value) in [
        ("authorization", "Bearer sk-caller"),
        ("x-api-key", "sk-caller"),
        ("cookie", "session=1"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("accept-encoding", "br"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-gateway-strict", "true"),
        ("openai-beta", "assistants=v2"),
        ("x-custom", "1"),
        ("x-stainless-lang", "python"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-prefix", "/llm"),
        ("x-forwarded-server", "edge-7"),
        ("x-forwarded-client-cert", "Subject=\"CN=anna\""),
        ("x-forwarded-user", "anna"),
        ("x-client-ip", "10.0.0.1"),
        ("cf-connecting-ip", "10.0.0.1"),
        ("baggage", "user=anna"),
        ("x-amz-date", "20261201T000000Z"),
        ("openai-organization", "org-callers"),
    ] {
        headers.insert(
            http::HeaderName::from_static(name),
            http::HeaderValue::from_static(value),
        );
    }
    let got = world.send(request).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = world.transport.last_request().unwrap();
    assert_eq!(
        sent.uri(),
        "https://api.openai.com/v1/chat/completions?x=1&y=%2F"
    );
    assert_eq!(sent.body(), body);
    let mut names: Vec<&str> = sent
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "content-type",
            "openai-beta",
            "x-stainless-lang"
        ]
    );
    assert_eq!(sent.headers()["authorization"], "Bearer sk-up");
    let record = world.records.take().remove(0);
    assert_eq!(record.operation.as_str(), "proxy");
    assert_eq!(record.surface, "passthrough");
    assert_eq!(record.settlement, Settlement::Completed);
    assert_eq!(record.usage.input_tokens, Some(9));
    assert_eq!(record.usage.output_tokens, Some(3));
    assert_eq!(record.model.unwrap().as_str(), "gpt-4o");
    // The model that was asked is priced, not the endpoint's.
    assert!(record.cost.is_some());
}

#[tokio::test(start_paused = true)]
async fn headers_that_an_endpoint_names_go_up_besides() {
    let endpoint = format!("{MODEL}\n    forward_headers: [X-Custom, x-other]");
    let world = world(ScriptedTransport::new().always(answer()), &endpoint, "");
    let mut request = post("/gateway/proxy/chat/v1/embeddings", "{}");
    for (name, value) in [("x-custom", "1"), ("x-more", "2")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(world.send(request).await.status, 200);
    let sent = world.transport.last_request().unwrap();
    assert_eq!(sent.headers()["x-custom"], "1");
    assert!(!sent.headers().contains_key("x-more"));
}

#[tokio::test(start_paused = true)]
async fn a_credential_in_the_query_never_goes_up_however_it_is_spelt() {
    const AUTH: &str = "auth:\n  keys:\n    - {name: a, key: vk-caller-1}\n";
    let world = world(ScriptedTransport::new().always(answer()), MODEL, AUTH);
    for part in [
        "key=vk-caller-1",
        "%6bey=vk-caller-1",
        "%256Bey=vk-caller-1",
        "api_key=vk-caller-1",
        "api-key=other",
        "access_token=other",
        "x-goog-api-key=other",
        "q=Bearer%20vk-caller%2d1",
    ] {
        for (path, method) in [
            ("/gateway/proxy/chat/v1/models", "GET"),
            ("/gateway/proxy/chat/v1/chat/completions", "POST"),
            ("/v1/responses/resp_1", "GET"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(format!("{path}?{part}&limit=2"))
                .header("authorization", "Bearer vk-caller-1");
            let got = world.send(request.body(Bytes::new()).unwrap()).await;
            assert_eq!(got.status, 200, "{path}?{part}: {}", got.text());
            let sent = world.transport.last_request().unwrap();
            assert_eq!(sent.uri().query(), Some("limit=2"), "{path}?{part}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_back_as_it_is() {
    let body = "{\"odd\" : [ 1,2 ]}";
    let reply = ScriptedReply::new(201, "application/json; charset=x", body)
        .header("x-request-id", "theirs")
        .header("openai-processing-ms", "7")
        .header("x-anything", "1")
        .header("set-cookie", "a=b")
        .header("content-length", &body.len().to_string());
    let world = world(ScriptedTransport::new().always(reply), MODEL, "");
    let got = world.send(post("/gateway/proxy/chat/v1/files", "x")).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (201, body));
    assert_eq!(got.header("content-type"), "application/json; charset=x");
    assert_eq!(got.header("openai-processing-ms"), "7");
    assert_eq!(got.header("x-anything"), "1");
    assert_eq!(got.header("content-length"), body.len().to_string());
    assert_eq!(got.header("set-cookie"), "", "cookies are their host's");
    assert_eq!(got.header("x-gateway-provider-request-id"), "theirs");
    assert_eq!(
        got.header("x-gateway-attempts"),
        "openai/gpt-4o-mini:201",
        "ours are added"
    );
    let record = world.records.take().remove(0);
    assert_eq!(record.settlement, Settlement::Completed);
    assert_eq!(record.usage.input_tokens, None, "a file is not tokens");
    assert_eq!(world.transport.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_byte_for_byte_and_its_usage_is_read() {
    let events = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\r\n\r\n\
                  : ping\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n\n\
                  data: [DONE]\n\n";
    let chunks = events.as_bytes().chunks(7).map(Bytes::copy_from_slice);
    let reply = ScriptedReply::sse("").chunks(chunks);
    let world = world(ScriptedTransport::new().always(reply), MODEL, "");
    let got = world
        .send(post(
            "/gateway/proxy/chat/v1/chat/completions",
            "{\"model\":\"gpt-4o-mini\",\"stream\":true}",
        ))
        .await;
    assert_eq!(got.text(), events);
    assert!(got.body.is_ok());
    let record = world.records.take().remove(0);
    assert!(record.stream);
    assert_eq!(record.usage.input_tokens, Some(4));
    assert_eq!(record.usage.output_tokens, Some(1));
}

#[tokio::test(start_paused = true)]
async fn binary_bodies_pass_both_ways() {
    let file: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let reply = ScriptedReply::new(200, "audio/mpeg", "")
        .chunks(file.chunks(999).map(Bytes::copy_from_slice));
    let world = world(ScriptedTransport::new().always(reply), MODEL, "");
    let request = Request::post("/gateway/proxy/chat/v1/audio/transcriptions")
        .header("content-type", "multipart/form-data; boundary=x")
        .header("content-encoding", "gzip")
        .body(Bytes::from(file.clone()))
        .unwrap();
    let got = world.send(request).await;
    assert_eq!(got.body.unwrap(), file);
    let sent = world.transport.last_request().unwrap();
    assert_eq!(sent.body(), &file);
    assert_eq!(sent.headers()["content-encoding"], "gzip");
    assert_eq!(world.records.take()[0].usage.input_tokens, None);
}

#[tokio::test(start_paused = true)]
async fn every_method_passes_but_those_that_are_for_the_way() {
    let world = world(
        ScriptedTransport::new().always(ScriptedReply::new(200, "text/plain", "x")),
        MODEL,
        "",
    );
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let request = Request::builder()
            .method(method)
            .uri("/gateway/proxy/chat/v1/files/f");
        let got = world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(got.status, 200, "{method}");
        assert_eq!(world.transport.last_request().unwrap().method(), method);
    }
    let settled: Vec<_> = world.records.take();
    assert!(
        settled
            .iter()
            .all(|record| record.settlement == Settlement::Completed),
        "also without a body"
    );
    let before = world.transport.requests().len();
    for method in ["TRACE", "CONNECT"] {
        let request = Request::builder()
            .method(method)
            .uri("/gateway/proxy/chat/v1/files/f");
        let got = world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(got.status, 405, "{method}");
    }
    assert_eq!(world.transport.requests().len(), before);
}

#[tokio::test(start_paused = true)]
async fn the_providers_error_is_passed_back_as_it_is() {
    let body = "{\"error\":{\"message\":\"no such file\",\"odd\":1}}";
    let reply = ScriptedReply::new(404, "application/json", body)
        .header("retry-after", "7")
        .header("x-theirs", "1");
    let world = world(ScriptedTransport::new().always(reply), MODEL, "");
    let request = Request::get("/gateway/proxy/chat/v1/files/none");
    let got = world.send(request.body(Bytes::new()).unwrap()).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (404, body));
    assert_eq!(got.header("x-theirs"), "1");
    assert_eq!(got.header("x-gateway-attempts"), "openai/gpt-4o-mini:404");
    let record = world.records.take().remove(0);
    assert!(matches!(record.settlement, Settlement::Failed(..)));
}

#[tokio::test(start_paused = true)]
async fn only_what_may_happen_twice_is_tried_again() {
    const RETRY: &str = "retry: {max_attempts: 3, budget: 100}\n    model: {provider: openai, name: m, config: {openai_api_key: sk-up}}";
    for (method, path, key, body, attempts) in [
        ("GET", "v1/files", "", "", 3),
        ("POST", "v1/files", "", "x", 1),
        ("POST", "v1/files", "once", "x", 3),
        ("POST", "v1/chat/completions", "", "{}", 3),
        ("POST", "v1/images/generations", "", "{}", 1),
    ] {
        let down = ScriptedReply::new(503, "text/plain", "down");
        let world = world(ScriptedTransport::new().always(down), RETRY, "");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/gateway/proxy/chat/{path}"));
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        let got = world.send(request.body(Bytes::from(body)).unwrap()).await;
        assert_eq!((got.status.as_u16(), got.text().as_str()), (503, "down"));
        assert_eq!(
            world.transport.requests().len(),
            attempts,
            "{method} {path} {key}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_that_may_have_been_done_is_not_sent_to_another_key_either() {
    const KEYS: &str = "model: {provider: openai, name: m, config: {openai_api_key: [one, two]}}";
    let who = ScriptedReply::new(401, "text/plain", "wrong key sk-u***");
    let alone = world(ScriptedTransport::new().always(who), MODEL, "");
    let got = alone.send(post("/gateway/proxy/chat/v1/files", "x")).await;
    assert_eq!(got.status, 401);
    assert!(!got.text().contains("sk-"), "whose key it is stays here");
    let refused = ScriptedReply::new(401, "text/plain", "who?");
    let fine = ScriptedReply::new(200, "text/plain", "fine");
    let both = world(ScriptedTransport::new().then(refused).then(fine), KEYS, "");
    let got = both.send(post("/gateway/proxy/chat/v1/files", "x")).await;
    assert_eq!(got.text(), "fine", "a refused request was not done");
    let broken = ScriptedReply::new(500, "text/plain", "oops");
    let fine = ScriptedReply::new(200, "text/plain", "fine");
    let one = world(ScriptedTransport::new().then(broken).then(fine), KEYS, "");
    let got = one.send(post("/gateway/proxy/chat/v1/files", "x")).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (500, "oops"));
    assert_eq!(one.transport.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_stays_with_its_endpoint() {
    let transport = ScriptedTransport::new()
        .then(ScriptedReply::new(503, "text/plain", "down"))
        .always(ScriptedReply::new(200, "text/plain", "elsewhere"));
    let endpoint = format!("fallback: [other]\n    {MODEL}");
    let rest = "  - name: other\n    endpoint_type: llm/v1/chat\n    model: {provider: anthropic, name: c, config: {anthropic_api_key: sk-a}}\n";
    let world = world(transport, &endpoint, rest);
    let request = Request::get("/gateway/proxy/chat/v1/files");
    let got = world.send(request.body(Bytes::new()).unwrap()).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (503, "down"));
    assert_eq!(world.transport.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_does_not_look_well_ended() {
    let reply = ScriptedReply::new(200, "application/octet-stream", "half").cut();
    let world = world(ScriptedTransport::new().always(reply), MODEL, "");
    let request = Request::get("/gateway/proxy/chat/v1/files/f/content");
    let got = world.send(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(got.body, Err(Bytes::from_static(b"half")));
    let record = world.records.take().remove(0);
    assert!(matches!(record.settlement, Settlement::Failed(..)));
}

#[tokio::test(start_paused = true)]
async fn no_path_leaves_the_providers_api() {
    let world = world(ScriptedTransport::new().always(answer()), MODEL, "");
    for path in [
        "v1/../admin",
        "../chat",
        "%2e%2e/admin",
        "v1/%2e%2e/%2e%2e/admin",
        "v1/..%2fadmin",
        "v1/%252e%252e/admin",
        "v1/..%5cadmin",
        "/evil.example/x",
        "v1//x",
        "https://evil.example/x",
        "https:%2f%2fevil.example/../x",
        "v1/..;/admin",
        "v1/%00",
        "v1/%",
    ] {
        let request = Request::get(format!("/gateway/proxy/chat/{path}"));
        let got = world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
    }
    assert_eq!(world.transport.requests().len(), 0, "nothing was sent");
    for (path, sent) in [
        ("@evil.example/x", "https://api.openai.com/@evil.example/x"),
        (".evil.example/x", "https://api.openai.com/.evil.example/x"),
        (":80/x", "https://api.openai.com/:80/x"),
        ("v1/x%3Fy=1%23z", "https://api.openai.com/v1/x%3Fy=1%23z"),
        ("v1/x?a=/../b", "https://api.openai.com/v1/x?a=/../b"),
    ] {
        let request = Request::get(format!("/gateway/proxy/chat/{path}"));
        world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(
            world.transport.last_request().unwrap().uri().to_string(),
            sent
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_checked_and_never_go_up() {
    const AUTH: &str =
        "auth:\n  keys:\n    - {name: a, key: vk-a}\n    - {name: b, key: vk-b, endpoints: []}\n";
    let world = world(ScriptedTransport::new().always(answer()), MODEL, AUTH);
    let ask = |key: &str, query: &str| {
        let mut request = Request::get(format!("/gateway/proxy/chat/v1/models{query}"));
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        request.body(Bytes::new()).unwrap()
    };
    assert_eq!(world.send(ask("", "")).await.status, 401);
    assert_eq!(world.send(ask("vk-x", "")).await.status, 401);
    assert_eq!(world.send(ask("vk-b", "")).await.status, 403);
    assert_eq!(world.transport.requests().len(), 0);
    assert_eq!(world.send(ask("vk-a", "?x=1")).await.status, 200);
    assert_eq!(world.send(ask("", "?x=1&key=vk-a&y=2")).await.status, 200);
    for request in world.transport.requests() {
        let text = format!("{:?} {:?}", request.uri(), request.headers());
        assert!(!text.contains("vk-a"), "{text}");
        assert_eq!(request.headers()["authorization"], "Bearer sk-up");
    }
    let last = world.transport.last_request().unwrap();
    assert_eq!(last.uri().query(), Some("x=1&y=2"));
    assert_eq!(world.records.take()[0].principal.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn limits_breakers_and_bounds_hold() {
    let limited = format!("limits: [{{per: endpoint, requests: 1, every: 1m}}]\n    {MODEL}");
    let limits = world(ScriptedTransport::new().always(answer()), &limited, "");
    let ask = || post("/gateway/proxy/chat/v1/files", "x");
    assert_eq!(limits.send(ask()).await.status, 200);
    assert_eq!(limits.send(ask()).await.status, 429);
    assert_eq!(limits.transport.requests().len(), 1);

    let breaking = format!("breaker: {{failures: 2, within: 1m, open_for: 1m}}\n    {MODEL}");
    let down = ScriptedReply::new(500, "text/plain", "down");
    let breaker = world(ScriptedTransport::new().always(down), &breaking, "");
    for _ in 0..5 {
        breaker.send(ask()).await;
    }
    assert_eq!(breaker.transport.requests().len(), 2);

    let slow = format!("timeout: {{first_event: 1s}}\n    retry: {{max_attempts: 3}}\n    {MODEL}");
    let late = world(
        ScriptedTransport::new().always(ScriptedReply::never()),
        &slow,
        "",
    );
    let got = late.send(ask()).await;
    assert_eq!(got.status, 504);
    assert_eq!(late.transport.requests().len(), 1, "it may have been done");
}

#[tokio::test(start_paused = true)]
async fn token_limits_count_what_models_are_asked_and_nothing_else() {
    let limited = format!("limits: [{{per: endpoint, tokens: 600, every: 1m}}]\n    {MODEL}");
    let world = world(ScriptedTransport::new().always(answer()), &limited, "");
    let file = "x".repeat(100_000);
    for _ in 0..3 {
        let got = world
            .send(post("/gateway/proxy/chat/v1/files", file.clone()))
            .await;
        assert_eq!(got.status, 200);
    }
    let chat = post("/gateway/proxy/chat/v1/chat/completions", file.clone());
    assert_eq!(world.send(chat).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_is_refused() {
    let world = world(ScriptedTransport::new().always(answer()), MODEL, "");
    let small = bounded(world, 10);
    // What asks a model is metered by its body; what is too large even to be sent on is too large.
    let got = small
        .send(post(
            "/gateway/proxy/chat/v1/chat/completions",
            "more than ten bytes",
        ))
        .await;
    assert_eq!(got.status, 413);
    let got = small
        .send(post(
            "/gateway/proxy/chat/v1/files",
            "more than the forty bytes that are sent on",
        ))
        .await;
    assert_eq!(got.status, 413);
    assert!(got.text().contains("40 bytes"));
    let got = small
        .send(post(
            "/gateway/proxy/chat/v1/embeddings",
            "more than ten bytes",
        ))
        .await;
    let told: Value = serde_json::from_str(&got.text()).unwrap();
    assert!(told["detail"].as_str().unwrap().contains("10 bytes"));
    assert_eq!(small.transport.requests().len(), 0);
}

/// The same with bodies held up to so many bytes, and sent on up to 40.
fn bounded(world: World, held: usize) -> World {
    let config = gateway_core::edge::EdgeConfig::new()
        .with_max_body_bytes(held)
        .with_max_upload_bytes(40);
    let gateway = GatewayBuilder::new(world.gateway.engine().clone(), Arc::new(ManualClock::new()))
        .with_config(config)
        .build();
    World { gateway, ..world }
}

/// A body in pieces; an empty one stands for a client that sends nothing more.
struct Pieces(std::collections::VecDeque<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        match self.0.pop_front() {
            Some("") => {
                self.0.push_front("");
                std::task::Poll::Pending
            }
            Some("broken") => std::task::Poll::Ready(Some(Err(std::io::Error::other("left")))),
            Some(piece) => {
                let frame = http_body::Frame::data(Bytes::from_static(piece.as_bytes()));
                std::task::Poll::Ready(Some(Ok(frame)))
            }
            None => std::task::Poll::Ready(None),
        }
    }
}

async fn upload(
    world: &World,
    length: Option<u64>,
    pieces: &[&'static str],
) -> (StatusCode, String) {
    let mut request = Request::post("/gateway/proxy/chat/v1/files")
        .body(Pieces(pieces.iter().copied().collect()))
        .unwrap();
    if let Some(length) = length {
        let headers = request.headers_mut();
        headers.insert(http::header::CONTENT_LENGTH, length.into());
    }
    let response = world.gateway.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_to_be_held_is_sent_on_as_it_comes() {
    for length in [Some(17), None] {
        let world = bounded(
            world(ScriptedTransport::new().always(answer()), MODEL, ""),
            10,
        );
        let (status, _) = upload(&world, length, &["more than", " ten", "byte"]).await;
        assert_eq!(status, 200);
        let sent = world.transport.last_request().unwrap();
        assert_eq!(sent.body(), "more than tenbyte");
        assert_eq!(sent.uri(), "https://api.openai.com/v1/files");
        assert_eq!(sent.headers()["authorization"], "Bearer sk-up");
        let record = world.records.take().remove(0);
        assert_eq!(record.settlement, Settlement::Completed);
        assert_eq!(record.request_bytes, 17);
    }
    // One that turns out to be small is held, as any other.
    let world = bounded(
        world(ScriptedTransport::new().always(answer()), MODEL, ""),
        10,
    );
    assert_eq!(upload(&world, None, &["sma", "ll"]).await.0, 200);
    assert_eq!(world.transport.last_request().unwrap().body(), "small");
    assert_eq!(world.records.take()[0].request_bytes, 5);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_sent_on_is_not_sent_again() {
    let retries = "retry: {max_attempts: 3}";
    let endpoint = format!("{MODEL}\n    {retries}");
    let busy = || ScriptedReply::json(429, &json!({"error": {"message": "busy"}}));
    let transport = ScriptedTransport::new().then(busy()).always(answer());
    let world_of = |transport| bounded(world(transport, &endpoint, ""), 10);
    let refused = world_of(transport);
    let (status, _) = upload(&refused, Some(17), &["more than", " ten", "byte"]).await;
    assert_eq!(
        (status.as_u16(), refused.transport.requests().len()),
        (429, 1)
    );
    // A provider that was not reached has got nothing of it.
    let away = ScriptedReply::fault(gateway_core::provider::TransportFault::Connect);
    let transport = ScriptedTransport::new().then(away).always(answer());
    let reached = world_of(transport);
    let (status, _) = upload(&reached, Some(17), &["more than", " ten", "byte"]).await;
    assert_eq!(
        (status.as_u16(), reached.transport.requests().len()),
        (200, 2)
    );
    assert_eq!(
        reached.transport.last_request().unwrap().body(),
        "more than tenbyte"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_to_its_end_is_the_callers_fault() {
    for (length, pieces, status, words) in [
        (
            Some(17),
            ["more than", "broken", ""],
            400,
            "ended before it was complete",
        ),
        (
            Some(17),
            ["more than", " ten", ""],
            408,
            "too long to arrive",
        ),
        (
            None,
            ["more than ten", "broken", ""],
            400,
            "ended before it was complete",
        ),
        (None, ["more than ten", "", ""], 408, "too long to arrive"),
        (
            None,
            ["more than ten", "and then more than the forty", "bytes"],
            413,
            "40 bytes",
        ),
    ] {
        let world = bounded(
            world(ScriptedTransport::new().always(answer()), MODEL, ""),
            10,
        );
        let (got, said) = upload(&world, length, &pieces).await;
        assert_eq!(got, status, "{pieces:?}: {said}");
        assert!(said.contains(words), "{pieces:?}: {said}");
        assert_eq!(world.transport.requests().len(), 0);
    }
    let world = bounded(
        world(ScriptedTransport::new().always(answer()), MODEL, ""),
        10,
    );
    let (got, _) = upload(&world, Some(17), &["more than", " ten"]).await;
    assert_eq!(got, 400);
}

#[tokio::test(start_paused = true)]
async fn the_simulator_tells_back_what_it_was_asked() {
    let simulator = "model: {provider: simulator, name: m}";
    let world = world(ScriptedTransport::new(), simulator, "");
    let got = world
        .send(post("/gateway/proxy/chat/echo/a%20b?x=1", "12345"))
        .await;
    let told: Value = serde_json::from_str(&got.text()).unwrap();
    assert_eq!(told["method"], "POST");
    assert_eq!(told["path"], "/echo/a%20b");
    assert_eq!(told["query"], "x=1");
    assert_eq!(told["body_bytes"], 5);
}

#[tokio::test(start_paused = true)]
async fn responses_are_compacted_and_kept_where_the_provider_speaks_that_api() {
    let world = world(ScriptedTransport::new().always(answer()), MODEL, "");
    let body = "{\"previous_response_id\":\"resp_1\", \"model\":\"chat\"}";
    for base in ["/v1", "/gateway/openai/v1"] {
        let got = world
            .send(post(&format!("{base}/responses/compact"), body))
            .await;
        assert_eq!(got.status, 200, "{}", got.text());
        let sent = world.transport.last_request().unwrap();
        assert_eq!(sent.uri(), "https://api.openai.com/v1/responses/compact");
        assert_eq!(sent.body(), &body.replace("chat", "gpt-4o-mini"));
    }
    for (method, path, sent) in [
        (
            "GET",
            "resp_1?include=a&stream=true",
            "resp_1?include=a&stream=true",
        ),
        ("DELETE", "resp_1?model=chat", "resp_1"),
        ("POST", "resp_1/cancel?model=chat&x=1", "resp_1/cancel?x=1"),
        (
            "GET",
            "resp_1/input_items?limit=2",
            "resp_1/input_items?limit=2",
        ),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/responses/{path}"));
        let got = world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        let last = world.transport.last_request().unwrap();
        assert_eq!(last.method(), method);
        assert_eq!(
            last.uri().to_string(),
            format!("https://api.openai.com/v1/responses/{sent}")
        );
    }
    let streamed = post(
        "/v1/responses/compact",
        "{\"model\":\"chat\",\"stream\":true}",
    );
    let got = world.send(streamed).await;
    assert_eq!(got.status, 400);
    assert!(got.text().contains(
        "stream=true is not supported on /responses/compact; compaction is a unary request."
    ));
    let evil = Request::get("/v1/responses/..%2F..%2Fv1%2Ffiles").body(Bytes::new());
    assert_eq!(world.send(evil.unwrap()).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn stored_responses_are_refused_with_a_reason_where_there_are_none() {
    const CLAUDE: &str = "model: {provider: anthropic, name: c, config: {anthropic_api_key: sk-a}}";
    let world = world(ScriptedTransport::new(), CLAUDE, "");
    for request in [
        post("/v1/responses/compact", "{\"model\":\"chat\"}"),
        Request::get("/v1/responses/resp_1")
            .body(Bytes::new())
            .unwrap(),
    ] {
        let got = world.send(request).await;
        assert_eq!(got.status, 400, "{}", got.text());
        let told: Value = serde_json::from_str(&got.text()).unwrap();
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("anthropic does not"), "{message}");
    }
    assert_eq!(world.transport.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_several_endpoints_says_which_one_keeps_a_response() {
    let rest = "  - name: other\n    endpoint_type: llm/v1/chat\n    model: {provider: openai, name: x, config: {openai_api_key: sk-2}}\n";
    let world = world(ScriptedTransport::new().always(answer()), MODEL, rest);
    let ask = |header: &str| {
        let mut request = Request::get("/v1/responses/resp_1");
        if !header.is_empty() {
            request = request.header("x-gateway-endpoint", header);
        }
        request.body(Bytes::new()).unwrap()
    };
    let got = world.send(ask("")).await;
    assert_eq!(got.status, 400);
    assert!(got.text().contains("x-gateway-endpoint"), "{}", got.text());
    assert_eq!(world.send(ask("other")).await.status, 200);
    let last = world.transport.last_request().unwrap();
    assert_eq!(last.headers()["authorization"], "Bearer sk-2");
}

/// The model that is recorded for a chat whose body is this.
async fn recorded_model(
    body: Vec<u8>,
    headers: &[(&'static str, &'static str)],
) -> (StatusCode, Option<String>) {
    let world = world(ScriptedTransport::new().always(answer()), MODEL, "");
    let mut request = post("/gateway/proxy/chat/v1/chat/completions", body.clone());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let got = world.send(request).await;
    if let Some(sent) = world.transport.last_request() {
        assert_eq!(sent.body(), &Bytes::from(body), "byte for byte");
    }
    let records = world.records.take();
    let attempt = records.first().and_then(|record| record.attempts.last());
    (got.status, attempt.map(|attempt| attempt.model.to_string()))
}

#[tokio::test]
async fn the_model_of_a_body_is_read_however_it_is_written() {
    use std::io::Write as _;

    let text = r#"{"model":"cheap","mod\u0065l":"gpt-large","messages":[]}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let large = (StatusCode::OK, Some("gpt-large".to_owned()));
    assert_eq!(recorded_model(text.into(), &[]).await, large);
    assert_eq!(
        recorded_model(gzip, &[("content-encoding", "gzip")]).await,
        large
    );
    let marked = format!("\u{FEFF}{text}").into_bytes();
    assert_eq!(recorded_model(marked, &[]).await, large);
}

#[tokio::test]
async fn a_body_that_asks_a_model_and_cannot_be_read_is_refused() {
    let utf16: Vec<u8> =
        r#"{"model":"gpt-large"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(recorded_model(utf16, &[]).await.0, StatusCode::BAD_REQUEST);
    let br = [("content-encoding", "br")];
    assert_eq!(
        recorded_model(vec![1, 2], &br).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let broken = [("content-encoding", "gzip")];
    assert_eq!(
        recorded_model(vec![1, 2], &broken).await.0,
        StatusCode::BAD_REQUEST
    );
}
