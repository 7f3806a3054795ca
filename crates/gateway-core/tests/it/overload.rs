//! More to do than the process may: refused at once, before anything is read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::config::Server;
use gateway_core::edge::Connection;
use gateway_core::provider::ByteBudget;
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
fn gateway(bounds: impl FnOnce(&mut Server)) -> Gateway {
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
    let builder = EngineBuilder::new(Registry::new(), deps(&ScriptedTransport::new()))
        .with_provider("one", Arc::new(provider))
        .with_telemetry(telemetry);
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
    let gateway = gateway(|server| server.max_in_flight = Some(2));
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

/// A body of `rest` bytes that come whenever they are asked for, and does not end before it may.
struct Large {
    rest: usize,
    may_end: Arc<AtomicBool>,
}

impl Body for Large {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        const PIECE: usize = 64 * 1024;
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(PIECE);
            let piece = Bytes::from(vec![b' '; PIECE]);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.may_end.load(Ordering::Relaxed) {
            return Poll::Ready(None);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_in_progress_are_held_up_to_the_bound_and_room_is_there_at_once_when_they_leave() {
    const MIB: usize = 1024 * 1024;
    let gateway = gateway(|server| server.max_memory = Some(40 * MIB as u64));
    let may_end = Arc::new(AtomicBool::new(false));
    let large = || {
        tokio::spawn(gateway.clone().oneshot(request(Large {
            rest: 10 * MIB,
            may_end: Arc::clone(&may_end),
        })))
    };
    let memory = gateway.engine().capacity().memory().clone();
    let all: Vec<_> = (0..30).map(|_| large()).collect();
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
        assert!(memory.used() <= 40 * MIB as u64, "{}", memory.used());
    }
    let (over, held): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(tokio::task::JoinHandle::is_finished);
    assert!((1..=4).contains(&held.len()), "{}", held.len());
    for refused in over {
        let refused = refused.await.unwrap().unwrap();
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
    }
    assert_eq!(
        ask(&gateway).await.status(),
        200,
        "small ones pass beside them"
    );
    for held in held {
        held.abort();
    }
    tokio::task::yield_now().await;
    // The scripted provider keeps what it was asked.
    assert!(memory.used() < 200, "{}", memory.used());
    may_end.store(true, Ordering::Relaxed);
    // Blanks are no JSON: it was read whole.
    assert_eq!(large().await.unwrap().unwrap().status(), 400);
    assert!(memory.used() < 200, "{}", memory.used());
}

#[tokio::test(start_paused = true)]
async fn a_large_body_takes_its_place_before_it_is_read_to_its_end() {
    let gateway = gateway(|server| server.max_in_flight = Some(2));
    let large = || {
        tokio::spawn(gateway.clone().oneshot(request(Large {
            rest: 200 * 1024,
            may_end: Arc::default(),
        })))
    };
    let first = [large(), large()];
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(gateway.engine().capacity().in_flight(), 2);
    assert_eq!(large().await.unwrap().unwrap().status(), 503);
    for one in first {
        one.abort();
    }
    tokio::task::yield_now().await;
    assert_eq!(gateway.engine().capacity().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_connection_share_its_bound() {
    let gateway = gateway(|_| {});
    let connection = Connection(ByteBudget::new(1024 * 1024));
    let ask = |connection: Option<Connection>| {
        let mut request = request(Large {
            rest: 400 * 1024,
            may_end: Arc::default(),
        });
        if let Some(connection) = connection {
            request.extensions_mut().insert(connection);
        }
        tokio::spawn(gateway.clone().oneshot(request))
    };
    let all: Vec<_> = (0..5).map(|_| ask(Some(connection.clone()))).collect();
    let elsewhere = ask(None);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let over = all.iter().filter(|one| one.is_finished()).count();
    assert_eq!(over, 4, "one fits");
    assert!(!elsewhere.is_finished());
    for one in all {
        if one.is_finished() {
            assert_eq!(one.await.unwrap().unwrap().status(), 503);
        } else {
            one.abort();
        }
    }
    elsewhere.abort();
    tokio::task::yield_now().await;
    assert_eq!(connection.0.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_until_its_last_byte_is_dropped() {
    let gateway = gateway(|_| {});
    let list = Request::get("/v1/models").body(Empty::<Bytes>::new());
    let response = gateway.clone().oneshot(list.unwrap()).await.unwrap();
    let memory = gateway.engine().capacity().memory().clone();
    assert!(memory.used() > 0);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(memory.used(), body.len() as u64);
    drop(body);
    assert_eq!(memory.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_body_slowly_takes_no_place_and_is_ended_in_time() {
    let gateway = gateway(|server| {
        server.max_in_flight = Some(1);
        server.body_timeout = Duration::from_secs(5);
    });
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
    let gateway = gateway(|server| server.max_in_flight = Some(1));
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
