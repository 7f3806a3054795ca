use std::sync::Arc;

use futures_util::StreamExt;
use gateway_core::config::{Cache, Destination, Endpoint, Route, Strategy};
use gateway_core::provider::ReplyBody;
use gateway_core::schema::Operation;
use gateway_store::{MemoryRecords, Settlement};
use gateway_testkit::{Answer, ScriptedProvider};
use tower::ServiceExt;

use crate::support::{builder, call, endpoint, plan, text};

fn numbered() -> ScriptedProvider {
    ScriptedProvider::new("one", "m")
        .then(Answer::text("1"))
        .then(Answer::text("2"))
}

fn cached(name: &str) -> Endpoint {
    let mut endpoint = endpoint(name);
    endpoint.cache = Some(Cache::default());
    endpoint
}

#[tokio::test]
async fn only_an_endpoint_with_a_cache_answers_from_it_and_the_record_says_so() {
    let (one, two) = (numbered(), numbered());
    let records = Arc::new(MemoryRecords::new(10));
    let engine = builder(&[("one", &one), ("two", &two)])
        .with_records(Arc::clone(&records) as _)
        .build(&plan(vec![cached("one"), endpoint("two")]))
        .unwrap();
    for (name, answers) in [("one", ["1", "1"]), ("two", ["1", "2"])] {
        for answer in answers {
            let reply = engine.clone().oneshot(call(name, false)).await.unwrap();
            assert_eq!(text(&reply), answer);
        }
    }
    let cache: Vec<_> = records.take().iter().map(|record| record.cache).collect();
    assert_eq!(cache, [Some("miss"), Some("hit"), None, None]);
}

#[tokio::test]
async fn a_hit_is_streamed_to_whom_a_stream_is_due_and_settles_without_an_attempt() {
    let one = numbered();
    let records = Arc::new(MemoryRecords::new(10));
    let engine = builder(&[("one", &one)])
        .with_records(Arc::clone(&records) as _)
        .build(&plan(vec![cached("one")]))
        .unwrap();
    engine.clone().oneshot(call("one", false)).await.unwrap();
    let reply = engine.oneshot(call("one", true)).await.unwrap();
    assert_eq!(reply.headers["x-gateway-cache"], "hit");
    let ReplyBody::Stream(stream) = reply.body else {
        panic!("a stream")
    };
    let frames: Vec<_> = stream.collect().await;
    assert!(frames.last().unwrap().as_ref().unwrap().facts.ended);
    let records = records.take();
    let hit = records.last().unwrap();
    assert_eq!(hit.settlement, Settlement::Completed);
    assert_eq!((hit.cache, hit.attempts.len()), (Some("hit"), 0));
    assert_eq!(one.call_count(), 1);
}

#[tokio::test]
async fn a_cache_outlives_a_reload_but_not_another_model_behind_its_name() {
    let one = numbered();
    let engine = builder(&[("one", &one)])
        .build(&plan(vec![cached("one")]))
        .unwrap();
    let ask = || async {
        let reply = engine.clone().oneshot(call("one", false)).await.unwrap();
        text(&reply)
    };
    assert_eq!(ask().await, "1");
    engine
        .apply(&plan(vec![cached("one"), endpoint("one2")]))
        .unwrap_err();
    engine.apply(&plan(vec![cached("one")])).unwrap();
    assert_eq!(ask().await, "1");
    let mut other = cached("one");
    other.model.name = Some("another".into());
    engine.apply(&plan(vec![other])).unwrap();
    assert_eq!(ask().await, "2");
}

#[tokio::test]
async fn a_routes_destination_answers_from_its_cache() {
    let one = numbered();
    let mut plan = plan(vec![cached("one")]);
    plan.routes.push(Route::new(
        "route",
        Operation::Chat,
        Strategy::TrafficSplit,
        vec![Destination {
            endpoint: "one".into(),
            traffic_percentage: 100,
        }],
    ));
    let engine = builder(&[("one", &one)]).build(&plan).unwrap();
    for _ in 0..2 {
        let reply = engine.clone().oneshot(call("route", false)).await.unwrap();
        assert_eq!(text(&reply), "1");
    }
}
