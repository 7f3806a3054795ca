//! How long a caller waits, and what a gateway says while providers are left alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_core::config::{Breaker, Endpoint, Retry};
use gateway_core::schema::ErrorKind;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_telemetry::{Telemetry, TelemetryConfig};
use gateway_testkit::{Answer, ManualClock, ScriptedProvider, ScriptedTransport, deps};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::{endpoint, plan};

fn gateway(providers: &[(&str, &ScriptedProvider)], endpoints: Vec<Endpoint>) -> Gateway {
    let clock = Arc::new(ManualClock::new());
    let telemetry = Telemetry::new(
        TelemetryConfig::new(),
        Arc::new(ScriptedTransport::new()),
        clock.clone(),
    );
    let builder = EngineBuilder::new(Registry::new(), deps(&ScriptedTransport::new()))
        .with_telemetry(telemetry);
    let builder = providers.iter().fold(builder, |builder, (name, provider)| {
        builder.with_provider(*name, Arc::new((*provider).clone()))
    });
    GatewayBuilder::new(builder.build(&plan(endpoints)).unwrap(), clock).build()
}

/// Status, `retry-after` and body.
async fn send(gateway: &Gateway, request: Request<String>) -> (u16, Option<String>, Value) {
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let response = gateway.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let wait = head.headers.get("retry-after");
    let wait = wait.map(|value| value.to_str().unwrap().to_owned());
    let json = serde_json::from_slice(&body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    (head.status.as_u16(), wait, json)
}

fn chat(name: &str, header: Option<(&str, &str)>) -> Request<String> {
    let body = format!(r#"{{"model":"{name}","messages":[{{"role":"user","content":"Hi"}}]}}"#);
    let mut request = Request::post("/v1/chat/completions");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    request.body(body).unwrap()
}

async fn get(gateway: &Gateway, path: &str) -> Value {
    let request = Request::get(path).body(String::new()).unwrap();
    send(gateway, request).await.2
}

fn slow(name: &str, seconds: u64, answer: Answer) -> ScriptedProvider {
    ScriptedProvider::new(name, "m")
        .always(answer)
        .with_delay(Duration::from_secs(seconds))
}

fn down(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name, "m").always(Answer::fail(ErrorKind::Unavailable))
}

#[tokio::test(start_paused = true)]
async fn the_callers_time_bounds_all_attempts_together() {
    let one = slow("one", 2, Answer::fail(ErrorKind::Unavailable));
    let two = slow("two", 2, Answer::text("late"));
    let mut first = endpoint("one");
    first.fallback = vec!["two".into()];
    first.retry = Some(Retry::default());
    let gateway = gateway(
        &[("one", &one), ("two", &two)],
        vec![first, endpoint("two")],
    );
    let begun = Instant::now();
    let (status, _, body) = send(&gateway, chat("one", Some(("x-request-timeout", "3")))).await;
    assert_eq!(status, 504, "{body}");
    assert_eq!(body["error"]["code"], "deadline_exceeded");
    // The moment of arrival is taken from the machine's clock, which runs a little while the other one is paused.
    assert!(begun.elapsed() < Duration::from_millis(3_500));
    assert_eq!(
        (one.call_count(), two.call_count()),
        (1, 1),
        "one of them was abandoned"
    );
    assert_eq!(two.running(), 0);
    let (status, _, body) = send(&gateway, chat("one", Some(("x-request-timeout", "soon")))).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (400, Some("invalid_timeout"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_configured_total_bounds_all_attempts_and_the_callers_wish() {
    let one = slow("one", 4, Answer::fail(ErrorKind::Unavailable));
    let two = slow("two", 4, Answer::text("late"));
    let mut first = endpoint("one");
    first.fallback = vec!["two".into()];
    first.timeouts.total = Duration::from_secs(6);
    let gateway = gateway(
        &[("one", &one), ("two", &two)],
        vec![first, endpoint("two")],
    );
    let begun = Instant::now();
    let (status, _, body) = send(&gateway, chat("one", Some(("x-request-timeout", "60")))).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (504, Some("timeout_total"))
    );
    assert_eq!(begun.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_callers_impatience_trips_no_breaker() {
    let one = slow("one", 5, Answer::text("slow"));
    let mut first = endpoint("one");
    let mut breaker = Breaker::default();
    breaker.failures = 1;
    first.breaker = Some(breaker);
    let gateway = gateway(&[("one", &one)], vec![first]);
    let (status, ..) = send(&gateway, chat("one", Some(("x-request-timeout", "10ms")))).await;
    assert_eq!(status, 504);
    assert!(gateway.engine().open_breakers().is_empty());
    assert_eq!(send(&gateway, chat("one", None)).await.0, 200);
}

/// An endpoint that is left alone for `seconds` after its first fault.
fn fragile(name: &str, seconds: u64) -> Endpoint {
    let mut endpoint = endpoint(name);
    let mut breaker = Breaker::default();
    breaker.failures = 1;
    breaker.open_for = Duration::from_secs(seconds);
    endpoint.breaker = Some(breaker);
    endpoint
}

#[tokio::test(start_paused = true)]
async fn all_open_is_one_clear_503_with_the_soonest_time_to_come_back() {
    let (one, two) = (down("one"), down("two"));
    let mut first = fragile("one", 40);
    first.fallback = vec!["two".into()];
    let gateway = gateway(
        &[("one", &one), ("two", &two)],
        vec![first, fragile("two", 20)],
    );
    assert_eq!(send(&gateway, chat("one", None)).await.0, 502);
    for _ in 0..10 {
        let (status, wait, body) = send(&gateway, chat("one", None)).await;
        assert_eq!((status, wait.as_deref()), (503, Some("20")));
        assert_eq!(body["error"]["code"], "breaker_open");
    }
    assert_eq!(
        (one.call_count(), two.call_count()),
        (1, 1),
        "nobody piles up"
    );
}

#[tokio::test(start_paused = true)]
async fn health_and_metrics_tell_who_is_left_alone_and_keep_mlflows_answer() {
    let one = down("one");
    let gateway = gateway(&[("one", &one)], vec![fragile("one", 40)]);
    assert_eq!(
        get(&gateway, "/health").await,
        serde_json::json!({"status": "OK"})
    );
    send(&gateway, chat("one", None)).await;
    let health = get(&gateway, "/health").await;
    assert_eq!(health["status"], "OK");
    let breaker = &health["breakers"][0];
    assert_eq!(
        (&breaker["endpoint"], &breaker["state"]),
        (&"one".into(), &"open".into())
    );
    assert_eq!(breaker["retry_after_seconds"], 40.0);
    let metrics = get(&gateway, "/metrics").await;
    let line = r#"gateway_breaker_state{endpoint="one",account="0"} 2"#;
    assert!(
        metrics.as_str().unwrap().lines().any(|it| it == line),
        "{metrics}"
    );
    tokio::time::sleep(Duration::from_secs(41)).await;
    assert_eq!(
        get(&gateway, "/health").await["breakers"][0]["state"],
        "half_open"
    );
    // What is configured no more is not told.
    gateway.apply(&plan(vec![])).unwrap();
    assert_eq!(
        get(&gateway, "/health").await,
        serde_json::json!({"status": "OK"})
    );
}
