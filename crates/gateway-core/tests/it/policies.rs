//! Limits, fallback and breakers, composed.

use std::sync::Arc;
use std::time::Duration;

use gateway_core::config::{Amount, Breaker, Limit, Retry, Subject};
use gateway_core::schema::{EndpointName, ErrorKind};
use gateway_middleware::breaker::BreakerStatus;
use gateway_store::MemoryRecords;
use gateway_testkit::{Answer, ScriptedProvider};
use tower::ServiceExt;

use crate::support::{builder, call, endpoint, plan, text};

fn down() -> ScriptedProvider {
    ScriptedProvider::new("down", "m").always(Answer::fail(ErrorKind::Unavailable))
}

fn up() -> ScriptedProvider {
    ScriptedProvider::new("up", "m").always(Answer::text("here"))
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_and_the_record_names_every_attempt() {
    let (down, up) = (down(), up());
    let records = Arc::new(MemoryRecords::new(10));
    let mut first = endpoint("down");
    first.fallback = vec!["up".into()];
    let engine = builder(&[("down", &down), ("up", &up)])
        .with_records(Arc::clone(&records) as _)
        .build(&plan(vec![first, endpoint("up")]))
        .unwrap();
    let reply = engine.oneshot(call("down", false)).await.unwrap();
    assert_eq!(text(&reply), "here");
    assert_eq!((down.call_count(), up.call_count()), (1, 1));
    assert_eq!(records.take().len(), 1, "one call, one record");
}

#[tokio::test(start_paused = true)]
async fn retries_stop_where_the_configuration_says() {
    let down = down();
    let mut retrying = endpoint("down");
    let mut retry = Retry::default();
    retry.max_attempts = 4;
    retrying.retry = Some(retry);
    let engine = builder(&[("down", &down)])
        .build(&plan(vec![retrying]))
        .unwrap();
    assert!(engine.oneshot(call("down", false)).await.is_err());
    assert!(down.call_count() <= 4, "{}", down.call_count());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_and_its_state_survive_a_reload() {
    let down = down();
    let mut broken = endpoint("down");
    let mut breaker = Breaker::default();
    breaker.failures = 2;
    breaker.open_for = Duration::from_mins(1);
    broken.breaker = Some(breaker);
    let engine = builder(&[("down", &down)])
        .build(&plan(vec![broken.clone()]))
        .unwrap();
    for _ in 0..5 {
        assert!(engine.clone().oneshot(call("down", false)).await.is_err());
    }
    assert_eq!(down.call_count(), 2);
    engine
        .apply(&plan(vec![broken, endpoint("down-too")]))
        .unwrap_err();
    let mut again = endpoint("down");
    again.breaker = Some(breaker);
    again.strict = true;
    engine.apply(&plan(vec![again])).unwrap();
    let error = engine
        .clone()
        .oneshot(call("down", false))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("breaker_open"));
    assert_eq!(down.call_count(), 2, "the new plan knows the old state");
    let open: Vec<(EndpointName, BreakerStatus)> = engine.open_breakers();
    assert_eq!(
        open,
        [("down".into(), BreakerStatus::Open(Duration::from_mins(1)))]
    );
}

#[tokio::test(start_paused = true)]
async fn limits_hold_over_a_reload_and_count_a_call_once_however_often_it_is_tried() {
    let (down, up) = (down(), up());
    let mut limited = endpoint("down");
    limited.fallback = vec!["up".into()];
    limited.limits = vec![Limit::new(
        Subject::Endpoint,
        Amount::Requests(2, Duration::from_mins(1)),
    )];
    let plan = plan(vec![limited, endpoint("up")]);
    let engine = builder(&[("down", &down), ("up", &up)])
        .build(&plan)
        .unwrap();
    assert!(engine.clone().oneshot(call("down", false)).await.is_ok());
    engine.apply(&plan).unwrap();
    assert!(engine.clone().oneshot(call("down", false)).await.is_ok());
    let error = engine.oneshot(call("down", false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_bounded_target_answers_503_at_once_when_the_line_is_full() {
    let slow = ScriptedProvider::new("up", "m").always(Answer::pieces(&["a"]));
    let mut bounded = endpoint("up");
    bounded.max_concurrency = Some(1);
    let engine = builder(&[("up", &slow)])
        .build(&plan(vec![bounded]))
        .unwrap();
    let _held = engine.clone().oneshot(call("up", true)).await.unwrap();
    let mut line = Vec::new();
    for _ in 0..10 {
        let mut waiting = Box::pin(engine.clone().oneshot(call("up", true)));
        assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
        line.push(waiting);
    }
    let error = engine.oneshot(call("up", true)).await.unwrap_err();
    assert_eq!(error.code(), Some("concurrency_limit"));
}
