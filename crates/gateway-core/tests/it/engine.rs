use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use gateway_core::config::{Destination, Route, Strategy};
use gateway_core::provider::ReplyBody;
use gateway_core::schema::{ErrorKind, Operation, Origin};
use gateway_store::{MemoryRecords, Settlement};
use gateway_testkit::{Answer, ScriptedProvider};
use tower::ServiceExt;

use crate::support::{builder, call, endpoint, plan, text};

fn answering(name: &str, answer: &str) -> ScriptedProvider {
    ScriptedProvider::new(name, "m").always(Answer::text(answer))
}

#[tokio::test]
async fn a_call_is_answered_by_the_endpoint_it_names() {
    let (one, two) = (answering("one", "1"), answering("two", "2"));
    let engine = builder(&[("one", &one), ("two", &two)])
        .build(&plan(vec![endpoint("one"), endpoint("two")]))
        .unwrap();
    assert_eq!(
        text(&engine.clone().oneshot(call("two", false)).await.unwrap()),
        "2"
    );
    assert_eq!((one.call_count(), two.call_count()), (0, 1));
}

#[tokio::test]
async fn an_unknown_name_is_the_callers_mistake() {
    let engine = builder(&[]).build(&plan(vec![])).unwrap();
    let error = engine.oneshot(call("chat", false)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.origin()),
        (ErrorKind::NotFound, Origin::Client)
    );
    assert_eq!(
        error.message(),
        "There is no endpoint or route named 'chat'."
    );
}

#[tokio::test]
async fn a_provider_is_not_asked_for_what_it_does_not_offer() {
    let one = answering("one", "1");
    let engine = builder(&[("one", &one)])
        .build(&plan(vec![endpoint("one")]))
        .unwrap();
    let mut call = call("one", false);
    call.operation = Operation::Proxy;
    let error = engine.oneshot(call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(one.call_count(), 0);
}

#[tokio::test]
async fn a_route_spreads_calls_by_weight_and_the_record_names_the_variant() {
    let (one, two) = (answering("one", "1"), answering("two", "2"));
    let records = Arc::new(MemoryRecords::new(1_000));
    let ticket = AtomicU64::new(0);
    let mut plan = plan(vec![endpoint("one"), endpoint("two")]);
    plan.routes.push(Route::new(
        "both",
        Operation::Chat,
        Strategy::TrafficSplit,
        vec![
            Destination {
                endpoint: "one".into(),
                traffic_percentage: 80,
            },
            Destination {
                endpoint: "two".into(),
                traffic_percentage: 20,
            },
        ],
    ));
    let engine = builder(&[("one", &one), ("two", &two)])
        .with_records(Arc::clone(&records) as _)
        .with_dice(Arc::new(move || ticket.fetch_add(1, Ordering::Relaxed)))
        .build(&plan)
        .unwrap();
    for _ in 0..100 {
        engine.clone().oneshot(call("both", false)).await.unwrap();
    }
    assert_eq!((one.call_count(), two.call_count()), (80, 20));
    let records = records.take();
    assert_eq!(records.len(), 100);
    assert!(
        records
            .iter()
            .all(|record| record.endpoint.as_str() == "both")
    );
    let variants: HashSet<_> = records
        .iter()
        .map(|record| record.variant.clone().unwrap())
        .collect();
    assert_eq!(variants.len(), 2);
}

#[tokio::test]
async fn a_plan_is_swapped_whole_and_a_stream_in_flight_keeps_its_own() {
    let one = ScriptedProvider::new("one", "m").always(Answer::pieces(&["a", "b", "c"]));
    let two = answering("two", "2");
    let records = Arc::new(MemoryRecords::new(10));
    let engine = builder(&[("one", &one), ("two", &two)])
        .with_records(Arc::clone(&records) as _)
        .build(&plan(vec![endpoint("one")]))
        .unwrap();
    let reply = engine.clone().oneshot(call("one", true)).await.unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    assert!(stream.next().await.unwrap().is_ok());

    engine.apply(&plan(vec![endpoint("two")])).unwrap();
    assert_eq!(
        text(&engine.clone().oneshot(call("two", false)).await.unwrap()),
        "2"
    );
    assert!(engine.clone().oneshot(call("one", false)).await.is_err());
    while let Some(item) = stream.next().await {
        item.unwrap();
    }
    drop(stream);
    let settled = records.take();
    assert!(
        settled
            .iter()
            .all(|record| record.settlement == Settlement::Completed),
        "{settled:?}"
    );
}

#[tokio::test]
async fn a_plan_that_cannot_run_is_refused_with_everything_that_is_wrong() {
    let one = answering("one", "1");
    let engine = builder(&[("one", &one)])
        .build(&plan(vec![endpoint("one")]))
        .unwrap();
    let errors = engine
        .apply(&plan(vec![endpoint("nope"), endpoint("never")]))
        .unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "endpoint 'nope': there is no provider named 'nope'",
            "endpoint 'never': there is no provider named 'never'",
        ]
    );
    assert_eq!(
        text(&engine.oneshot(call("one", false)).await.unwrap()),
        "1",
        "the old plan keeps serving"
    );
}

#[tokio::test]
async fn a_layer_of_the_embedders_stands_outside_of_all_others() {
    let one = answering("one", "1");
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let engine = builder(&[("one", &one)])
        .with_layer(tower::util::MapRequestLayer::new(move |call| {
            counter.fetch_add(1, Ordering::Relaxed);
            call
        }))
        .build(&plan(vec![endpoint("one")]))
        .unwrap();
    engine.oneshot(call("one", false)).await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}
