//! More to do than the process may: refused at once, before anything is read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::config::Server;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_telemetry::{Telemetry, TelemetryConfig};
use gateway_testkit::{Answer, ManualClock, ScriptedProvider, ScriptedTransport, deps};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tower::ServiceExt;

use crate::support::{endpoint, plan};

const BODY: &str = r#"{"model":"one","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// A gateway before streams that never end.
fn gateway(bounds: impl FnOnce(&mut Server), memory: Option<Arc<AtomicU64>>) -> Gateway {
    let provider = ScriptedProvider::new("one", "m").always(match Answer::pieces(&["a"]) {
        Answer::Stream(mut groups) => {
            groups.pop();
            Answer::Stalled(groups.into_iter().map(Result::unwrap).collect())
        }
        other => panic!("{other:?}"),
    });
    let clock = Arc::new(ManualClock::new());
    let telemetry = Telemetry::new(
        TelemetryConfig::new(),
        Arc::new(ScriptedTransport::new()),
        clock.clone(),
    );
    let mut plan = plan(vec![endpoint("one")]);
    bounds(&mut plan.server);
    let mut builder = EngineBuilder::new(Registry::new(), deps(&ScriptedTransport::new()))
        .with_provider("one", Arc::new(provider))
        .with_telemetry(telemetry);
    if let Some(memory) = memory {
        builder = builder.with_memory_gauge(Arc::new(move || memory.load(Ordering::Relaxed)));
    }
    GatewayBuilder::new(builder.build(&plan).unwrap(), clock).build()
}

fn request<B>(body: B) -> Request<B> {
    Request::post("/v1/chat/completions").body(body).unwrap()
}

async fn ask(gateway: &Gateway) -> Response<gateway_core::edge::EdgeBody> {
    let body = Full::new(Bytes::from_static(BODY.as_bytes()));
    gateway.clone().oneshot(request(body)).await.unwrap()
}

async fn get(gateway: &Gateway, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Empty::<Bytes>::new()).unwrap();
    let response = gateway.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A body that nobody may touch.
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        panic!("the body is read")
    }
}

/// A body that never ends: a piece of it every second.
struct Drip(Pin<Box<tokio::time::Sleep>>);

impl Drip {
    fn new() -> Self {
        Self(Box::pin(tokio::time::sleep(Duration::from_secs(1))))
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        std::task::ready!(self.0.as_mut().poll(cx));
        self.0 = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_too_many_gets_503_before_its_body_is_read_and_others_are_not_slowed() {
    let gateway = gateway(|server| server.max_in_flight = Some(2), None);
    let held = (ask(&gateway).await, ask(&gateway).await);
    assert_eq!(held.0.status(), 200);
    let refused = gateway.clone().oneshot(request(Untouchable)).await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["x-gateway-error-origin"], "gateway");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(
        String::from_utf8_lossy(&body).contains("\"overloaded\""),
        "{body:?}"
    );
    for path in ["/health", "/livez", "/readyz", "/v1/models"] {
        assert_eq!(get(&gateway, path).await.0, 200, "{path} is never shed");
    }
    let (status, metrics) = get(&gateway, "/metrics").await;
    assert_eq!(status, 200);
    let line = r#"gateway_shed_total{reason="in_flight"} 1"#;
    assert!(metrics.lines().any(|it| it == line), "{metrics}");
    // A stream counts until it is over.
    drop(held.0);
    assert_eq!(ask(&gateway).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn full_memory_sheds_but_never_the_only_call() {
    let used = Arc::new(AtomicU64::new(0));
    let gateway = gateway(
        |server| server.max_memory = Some(1_000),
        Some(Arc::clone(&used)),
    );
    used.store(5_000, Ordering::Relaxed);
    let held = ask(&gateway).await;
    assert_eq!(
        held.status(),
        200,
        "memory that is not given back locks nobody out"
    );
    assert_eq!(ask(&gateway).await.status(), 503);
    used.store(10, Ordering::Relaxed);
    assert_eq!(ask(&gateway).await.status(), 200);
}

#[test]
fn a_bound_on_memory_that_nobody_measures_is_refused() {
    let mut plan = plan(vec![]);
    plan.server.max_memory = Some(1);
    let builder = EngineBuilder::new(Registry::new(), deps(&ScriptedTransport::new()));
    let errors = builder.build(&plan).unwrap_err();
    assert!(errors[0].to_string().contains("max_memory"), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_body_slowly_takes_no_place_and_is_ended_in_time() {
    let gateway = gateway(
        |server| {
            server.max_in_flight = Some(1);
            server.body_timeout = Duration::from_secs(5);
        },
        None,
    );
    let begun = tokio::time::Instant::now();
    let slow: Vec<_> = (0..50)
        .map(|_| tokio::spawn(gateway.clone().oneshot(request(Drip::new()))))
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ask(&gateway).await.status(), 200, "they take no place");
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap().status(), 408);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_bounds_change_with_the_plan() {
    let gateway = gateway(|server| server.max_in_flight = Some(1), None);
    let _held = ask(&gateway).await;
    assert_eq!(ask(&gateway).await.status(), 503);
    let mut plan = plan(vec![endpoint("one")]);
    gateway.apply(&plan).unwrap();
    assert_eq!(ask(&gateway).await.status(), 200);
    plan.server.max_body = 10;
    gateway.apply(&plan).unwrap();
    assert_eq!(ask(&gateway).await.status(), 413);
    plan.server = Server::default();
    gateway.apply(&plan).unwrap();
    assert_eq!(ask(&gateway).await.status(), 200);
}
