//! Plans that come and go: building one changes nothing, committing one shares what is the same, and what is gone is
//! released.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use gateway_core::config::{Cache, Destination, Endpoint, Limit, Route, Strategy, Subject};
use gateway_core::schema::{EndpointName, ErrorKind, Operation};
use gateway_core::{Engine, Stack};
use gateway_store::keys::{HashKey, KeyRecord, MemoryKeys};
use gateway_testkit::{Answer, ScriptedProvider};
use tower::ServiceExt;

use crate::support::{builder, call, endpoint, plan, text};

fn up() -> ScriptedProvider {
    ScriptedProvider::new("up", "m").always(Answer::pieces(&["a"]))
}

fn bounded(most: u32) -> Endpoint {
    let mut bounded = endpoint("up");
    bounded.max_concurrency = Some(most);
    bounded
}

#[tokio::test(start_paused = true)]
async fn a_refused_plan_changes_no_permit() {
    let up = up();
    let engine = builder(&[("up", &up)])
        .build(&plan(vec![bounded(1)]))
        .unwrap();
    let _held = engine.clone().oneshot(call("up", true)).await.unwrap();
    let refused = plan(vec![bounded(2), endpoint("of no provider")]);
    engine.apply(&refused).unwrap_err();
    engine.apply(&plan(vec![bounded(1)])).unwrap();
    let second = engine.clone().oneshot(call("up", true)).now_or_never();
    assert!(second.is_none(), "it waits for the permit that is held");
}

#[tokio::test]
async fn a_refused_plan_changes_no_cache() {
    let up = ScriptedProvider::new("up", "m")
        .then(Answer::text("1"))
        .then(Answer::text("2"));
    let cached = |most| {
        let mut cached = endpoint("up");
        let mut cache = Cache::default();
        cache.max_entries = most;
        cached.cache = Some(cache);
        cached
    };
    let engine = builder(&[("up", &up)])
        .build(&plan(vec![cached(10)]))
        .unwrap();
    engine.clone().oneshot(call("up", false)).await.unwrap();
    let refused = plan(vec![cached(20), endpoint("of no provider")]);
    engine.apply(&refused).unwrap_err();
    engine.apply(&plan(vec![cached(10)])).unwrap();
    let reply = engine.oneshot(call("up", false)).await.unwrap();
    assert_eq!(text(&reply), "1", "the answer is still there");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_comes_back_while_its_last_call_is_in_flight_finds_its_permits() {
    let up = up();
    let other = ScriptedProvider::new("other", "m");
    let engine = builder(&[("up", &up), ("other", &other)])
        .build(&plan(vec![bounded(1)]))
        .unwrap();
    let held = engine.clone().oneshot(call("up", true)).await.unwrap();
    engine.apply(&plan(vec![endpoint("other")])).unwrap();
    engine.apply(&plan(vec![endpoint("other")])).unwrap();
    assert_eq!(
        engine
            .in_flight()
            .iter()
            .find(|(name, _)| name.as_str() == "up"),
        Some(&(EndpointName::from("up"), 1))
    );
    engine.apply(&plan(vec![bounded(1)])).unwrap();
    let second = engine.clone().oneshot(call("up", true));
    let mut second = Box::pin(second);
    assert!((&mut second).now_or_never().is_none(), "one call at a time");
    drop(held);
    assert!(second.await.is_ok());
}

/// An engine of which every built stack is counted.
fn counted(
    providers: &[(&str, &ScriptedProvider)],
) -> (gateway_core::EngineBuilder, Arc<AtomicUsize>) {
    let built = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&built);
    let layer = tower_layer::layer_fn(move |stack: Stack| {
        count.fetch_add(1, Ordering::Relaxed);
        stack
    });
    (builder(providers).with_layer(layer), built)
}

#[tokio::test]
async fn what_is_the_same_in_the_next_plan_is_shared_with_it() {
    let (a, b) = (up(), up());
    let (builder, built) = counted(&[("a", &a), ("b", &b)]);
    let mut second = endpoint("b");
    second.fallback = vec!["a".into()];
    let destinations = vec![Destination {
        endpoint: "b".into(),
        traffic_percentage: 100,
    }];
    let route = Route::new("r", Operation::Chat, Strategy::TrafficSplit, destinations);
    let mut old = plan(vec![endpoint("a"), second]);
    old.routes.push(route);
    let engine = builder.build(&old).unwrap();
    let built = || built.swap(0, Ordering::Relaxed);
    assert_eq!(built(), 3);

    engine.apply(&old).unwrap();
    assert_eq!(built(), 0, "nothing has changed");

    let mut more = old.clone();
    more.endpoints.push({
        let mut third = endpoint("a");
        third.name = "c".into();
        third
    });
    engine.apply(&more).unwrap();
    assert_eq!(built(), 1, "only the new one");

    let mut changed = more.clone();
    changed.endpoints[0].strict = true;
    engine.apply(&changed).unwrap();
    assert_eq!(
        built(),
        3,
        "the one that changed, its fallback's user, and the route to that"
    );

    let mut content = changed.clone();
    content.telemetry.log.content = true;
    engine.apply(&content).unwrap();
    assert_eq!(built(), 4, "what is in every stack");
    assert!(engine.oneshot(call("r", false)).await.is_ok());
}

#[tokio::test]
async fn keys_from_elsewhere_are_found_and_may_change_without_a_plan() {
    let up = up();
    let hash = HashKey::from_bytes(&[7; 32]);
    let keys = Arc::new(MemoryKeys::new(hash.clone(), []));
    let engine = builder(&[("up", &up)])
        .with_keys(Arc::clone(&keys) as _)
        .build(&plan(vec![endpoint("up")]))
        .unwrap();
    let gateway =
        gateway_core::GatewayBuilder::new(engine, Arc::new(gateway_testkit::ManualClock::new()))
            .build();
    let ask = |key: &'static str| {
        let body = r#"{"model":"up","messages":[{"role":"user","content":"Hi"}]}"#;
        let request = http::Request::post("/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .body(http_body_util::Full::new(bytes::Bytes::from(body)))
            .unwrap();
        gateway
            .clone()
            .oneshot(request)
            .map(|response| response.unwrap().status().as_u16())
    };
    assert_eq!(ask("sk-new").await, 401);
    keys.replace([(hash.digest("sk-new"), Arc::new(KeyRecord::new("new")))]);
    assert_eq!(ask("sk-new").await, 200);
    keys.replace([]);
    assert_eq!(ask("sk-new").await, 401);
}

#[tokio::test]
async fn a_request_whose_body_comes_after_a_reload_is_answered_by_the_plan_it_began_with() {
    let up = up();
    let engine = builder(&[("up", &up)])
        .build(&plan(vec![endpoint("up")]))
        .unwrap();
    let clock = Arc::new(gateway_testkit::ManualClock::new());
    let gateway = gateway_core::GatewayBuilder::new(engine.clone(), clock).build();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let body = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let request = http::Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(http_body_util::StreamBody::new(body))
        .unwrap();
    let mut response = Box::pin(gateway.clone().oneshot(request));
    assert!(
        (&mut response).now_or_never().is_none(),
        "it waits for its body"
    );

    engine.apply(&plan(Vec::new())).unwrap();
    let text = r#"{"model":"up","messages":[{"role":"user","content":"Hi"}]}"#;
    let frame = http_body::Frame::data(bytes::Bytes::from(text));
    sender
        .send(Ok::<_, std::convert::Infallible>(frame))
        .unwrap();
    drop(sender);
    assert_eq!(response.await.unwrap().status(), 200);
    assert_eq!(up.call_count(), 1);
}

/// A thousand endpoints with every kind of state, none of which was ever there before.
fn generation(number: usize, of: usize) -> Vec<Endpoint> {
    (0..of)
        .map(|index| {
            let mut one = endpoint("up");
            one.name = format!("endpoint-{number}-{index}").into();
            one.max_concurrency = Some(4);
            one.cache = Some(Cache::default());
            one.breaker = Some(gateway_core::config::Breaker::default());
            let amount = gateway_core::config::Amount::Concurrent(9);
            one.limits = vec![Limit::new(Subject::Key, amount)];
            one
        })
        .collect()
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

async fn use_one(engine: &Engine, name: String) {
    assert!(engine.clone().oneshot(call(&name, false)).await.is_ok());
    let gone = engine.clone().oneshot(call("endpoint-gone", false)).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn endpoints_that_come_and_go_leave_memory_where_it_was() {
    const EACH: usize = 500;
    let up = up();
    let engine = builder(&[("up", &up)]).build(&plan(Vec::new())).unwrap();
    let mut settled = None;
    for number in 0..60 {
        engine.apply(&plan(generation(number, EACH))).unwrap();
        use_one(&engine, format!("endpoint-{number}-0")).await;
        assert_eq!(engine.in_flight().len(), EACH, "only names of the plan");
        if number == 10 {
            settled = resident_bytes();
        }
    }
    let (Some(settled), Some(after)) = (settled, resident_bytes()) else {
        return;
    };
    assert!(
        after <= settled + settled / 20,
        "{settled} bytes after 5,500 endpoints, {after} after 30,000"
    );
}
