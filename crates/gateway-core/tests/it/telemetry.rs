//! What leaves the gateway about its calls.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_telemetry::{Telemetry, TelemetryConfig, Writer};
use gateway_testkit::{
    Answer, ManualClock, ScriptedProvider, ScriptedReply, ScriptedTransport, deps,
};
use http::Request;
use serde_json::{Value, json};

use crate::auth::{plan, send};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const BODY: &str = r#"{"model":"one","messages":[{"role":"user","content":"Hi"}]}"#;

fn gateway(more: &str, collector: &ScriptedTransport) -> (Gateway, Telemetry, ScriptedProvider) {
    let provider = ScriptedProvider::new("simulator", "m").always(Answer::text("hello"));
    let clock = Arc::new(ManualClock::new());
    let telemetry = Telemetry::new(
        TelemetryConfig::new(),
        Arc::new(collector.clone()),
        clock.clone(),
    );
    let engine = EngineBuilder::new(Registry::new(), deps(&ScriptedTransport::new()))
        .with_provider("simulator", Arc::new(provider.clone()))
        .with_telemetry(telemetry.clone())
        .build(&plan(more))
        .unwrap();
    (
        GatewayBuilder::new(engine, clock).build(),
        telemetry,
        provider,
    )
}

async fn scrape(gateway: &Gateway, key: Option<&str>) -> (u16, String) {
    let mut request = Request::get("/metrics");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let got = send(gateway, request.body("").unwrap()).await;
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    (got.status.as_u16(), text)
}

#[tokio::test]
async fn a_scrape_tells_the_calls_before_it() {
    let (gateway, ..) = gateway("", &ScriptedTransport::new());
    for _ in 0..3 {
        let call = Request::post("/v1/chat/completions").body(BODY).unwrap();
        assert_eq!(send(&gateway, call).await.status, 200);
    }
    let (status, text) = scrape(&gateway, None).await;
    assert_eq!(status, 200);
    for line in [
        r#"gateway_requests_total{endpoint="one",surface="openai",outcome="completed"} 3"#,
        r#"gateway_tokens_total{endpoint="one",provider="simulator",model="m",type="output",source="reported"} 15"#,
        r#"gateway_in_flight{endpoint="one"} 0"#,
        r#"gateway_overhead_seconds_count{endpoint="one"} 3"#,
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is missing:\n{text}"
        );
    }
}

#[tokio::test]
async fn metrics_are_for_keys_without_a_list_or_with_an_empty_one() {
    let auth = "auth: {keys: [{name: all, key: sk-all}, {name: scraper, key: sk-scraper, endpoints: []}, \
                {name: some, key: sk-some, endpoints: [one]}]}\n";
    let (gateway, ..) = gateway(auth, &ScriptedTransport::new());
    assert_eq!(scrape(&gateway, None).await.0, 401);
    assert_eq!(scrape(&gateway, Some("sk-some")).await.0, 403);
    assert_eq!(scrape(&gateway, Some("sk-all")).await.0, 200);
    let (status, text) = scrape(&gateway, Some("sk-scraper")).await;
    assert_eq!(status, 200);
    assert!(
        text.contains(r#"gateway_auth_refused_total{reason="missing"} 1"#),
        "{text}"
    );
}

#[tokio::test]
async fn there_are_no_metrics_where_the_configuration_does_not_want_them() {
    let (gateway, ..) = gateway(
        "telemetry: {prometheus: false}\n",
        &ScriptedTransport::new(),
    );
    assert_eq!(scrape(&gateway, None).await.0, 404);
    gateway.apply(&plan("")).unwrap();
    assert_eq!(scrape(&gateway, None).await.0, 200);
}

#[tokio::test]
async fn a_callers_trace_goes_on_to_the_provider_and_to_the_collector() {
    let collector = ScriptedTransport::new().always(ScriptedReply::json(200, &json!({})));
    let more = "telemetry: {otlp: {endpoint: 'http://collector:4318', headers: {x-team: red}}}\n";
    let (gateway, telemetry, provider) = gateway(more, &collector);
    let call = Request::post("/v1/chat/completions")
        .header("traceparent", CALLER)
        .body(BODY)
        .unwrap();
    assert_eq!(send(&gateway, call).await.status, 200);
    let trace = provider
        .calls()
        .pop()
        .unwrap()
        .context
        .trace
        .clone()
        .unwrap();
    assert_eq!(
        format!("{:032x}", trace.id),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    Writer::new(telemetry, None)
        .run(std::future::ready(()))
        .await;
    let sent = collector.requests();
    assert_eq!(sent[0].headers()["x-team"], "red");
    let body: Value = serde_json::from_slice(sent[0].body()).unwrap();
    let span = body
        .pointer("/resourceSpans/0/scopeSpans/0/spans/0")
        .unwrap();
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
}

#[tokio::test]
async fn a_call_without_a_trace_begins_one_only_where_traces_are_told() {
    let otlp = "telemetry: {otlp: {endpoint: 'http://collector:4318'}}\n";
    for (more, expected) in [("", false), (otlp, true)] {
        let (gateway, _, provider) = gateway(more, &ScriptedTransport::new());
        let call = Request::post("/v1/chat/completions").body(BODY).unwrap();
        send(&gateway, call).await;
        let traced = provider.calls().pop().unwrap().context.trace.is_some();
        assert_eq!(traced, expected, "{more}");
    }
}

#[tokio::test]
async fn a_provider_gets_the_callers_trace_with_a_span_of_the_try_and_none_where_there_is_none() {
    let answer = json!({"id": "1", "object": "chat.completion", "choices": []});
    let upstream = ScriptedTransport::new().always(ScriptedReply::json(200, &answer));
    let registry = Registry::new().with(gateway_provider_openai::OPENAI);
    let mut options = serde_json::Map::new();
    options.insert("openai_api_key".to_owned(), "sk-gateway".into());
    let model = gateway_core::config::Model::new("openai")
        .with_name("gpt-4o")
        .with_options(gateway_core::schema::Options::new(options));
    let endpoint =
        gateway_core::config::Endpoint::new("one", gateway_core::schema::Operation::Chat, model);
    let engine = EngineBuilder::new(registry, deps(&upstream))
        .build(&crate::support::plan(vec![endpoint]))
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    let call = Request::post("/v1/chat/completions")
        .header("traceparent", CALLER)
        .header("tracestate", "a=1")
        .header("baggage", "user=alice")
        .header("authorization", "Bearer sk-caller")
        .body(BODY)
        .unwrap();
    send(&gateway, call).await;
    let sent = upstream.last_request().unwrap();
    let trace = sent.headers()["traceparent"].to_str().unwrap();
    assert!(
        trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{trace}"
    );
    assert!(
        !trace.contains("00f067aa0ba902b7"),
        "a span of our own: {trace}"
    );
    assert_eq!(sent.headers()["tracestate"], "a=1");
    assert!(!sent.headers().contains_key("baggage"));
    assert_eq!(sent.headers()["authorization"], "Bearer sk-gateway");

    let plain = Request::post("/v1/chat/completions").body(BODY).unwrap();
    send(&gateway, plain).await;
    let sent = upstream.last_request().unwrap();
    assert!(!sent.headers().contains_key("traceparent"));
}
