use std::sync::Arc;
use std::time::Duration;

use gateway_schema::{CallError, ErrorKind, Retry};
use tokio::time::Instant;
use tower::ServiceExt;
use tower_layer::Layer;

use super::policy::{Decision, decide, jittered};
use super::{RetryBudget, RetryConfig, RetryLayer};
use crate::testing::{Scripted, call, fault};

const HALF: Duration = Duration::from_millis(500);

fn busy() -> CallError {
    fault(ErrorKind::Unavailable, Retry::Same)
}

fn layer(config: RetryConfig) -> RetryLayer {
    RetryLayer::new(config, Arc::new(|| 7))
}

#[test]
fn advice_decides_and_nothing_else() {
    let config = RetryConfig::new();
    let cases = [
        (Retry::Never, Decision::Stop),
        (Retry::Elsewhere, Decision::Stop),
        (Retry::After(HALF), Decision::Wait(HALF)),
        (Retry::Same, Decision::Wait(Duration::from_nanos(7))),
    ];
    for kind in ErrorKind::ALL {
        for (retry, decision) in cases {
            assert_eq!(
                decide(&config, 1, &fault(kind, retry), 7, None),
                decision,
                "{kind} {retry:?}"
            );
        }
    }
}

#[test]
fn attempts_and_deadlines_bound_it() {
    let config = RetryConfig::new();
    let error = fault(ErrorKind::RateLimited, Retry::After(HALF));
    assert_eq!(decide(&config, 3, &error, 0, None), Decision::Stop);
    assert_eq!(decide(&config, 1, &error, 0, Some(HALF)), Decision::Stop);
    assert_eq!(
        decide(&config, 1, &error, 0, Some(HALF * 2)),
        Decision::Wait(HALF)
    );
}

#[test]
fn waits_grow_to_the_bound_and_are_fully_jittered() {
    let config =
        RetryConfig::new().with_backoff(Duration::from_millis(100), Duration::from_millis(350));
    for (done, bound) in [(1, 100), (2, 200), (3, 350), (60, 350)] {
        let bound = Duration::from_millis(bound);
        let nanos = u64::try_from(bound.as_nanos()).unwrap();
        assert_eq!(jittered(&config, done, nanos), bound);
        assert_eq!(jittered(&config, done, nanos + 1), Duration::ZERO);
        assert_eq!(jittered(&config, done, nanos / 2), bound / 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_tried_again_and_a_lasting_one_is_told() {
    let passing = Scripted::new("p", [busy(), busy()]);
    assert!(
        layer(RetryConfig::new())
            .layer(passing.clone())
            .oneshot(call())
            .await
            .is_ok()
    );
    assert_eq!(passing.count(), 3);

    let lasting = Scripted::new("p", vec![busy(); 9]);
    assert!(
        layer(RetryConfig::new())
            .layer(lasting.clone())
            .oneshot(call())
            .await
            .is_err()
    );
    assert_eq!(lasting.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_clients_mistake_is_never_tried_again() {
    let inner = Scripted::new("p", [CallError::client(ErrorKind::InvalidRequest, "no")]);
    assert!(
        layer(RetryConfig::new())
            .layer(inner.clone())
            .oneshot(call())
            .await
            .is_err()
    );
    assert_eq!(inner.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_providers_wait_is_honoured() {
    let limited = fault(
        ErrorKind::RateLimited,
        Retry::After(Duration::from_secs(20)),
    );
    let inner = Scripted::new("p", [limited.clone()]);
    let begun = Instant::now();
    assert!(
        layer(RetryConfig::new())
            .layer(inner)
            .oneshot(call())
            .await
            .is_ok()
    );
    assert_eq!(begun.elapsed().as_secs(), 20);

    let inner = Scripted::new("p", [limited]);
    let mut hurried = call();
    hurried.context.deadline = Some(hurried.context.started + Duration::from_secs(10));
    let begun = Instant::now();
    let error = layer(RetryConfig::new())
        .layer(inner)
        .oneshot(hurried)
        .await
        .unwrap_err();
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_secs(20)),
        "the caller learns the wait"
    );
    assert_eq!(begun.elapsed(), Duration::ZERO, "no use in waiting");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_amplified_beyond_the_shared_budget() {
    let inner = Scripted::new("p", vec![busy(); 10_000]);
    let config = RetryConfig::new()
        .with_max_attempts(10)
        .with_backoff(Duration::ZERO, Duration::ZERO);
    let layer = layer(config).with_budget(RetryBudget::new(0.2));
    let service = layer.layer(inner.clone());
    for _ in 0..500 {
        assert!(service.clone().oneshot(call()).await.is_err());
    }
    // 500 calls, a fifth of them again, and the ten that are always allowed.
    assert!((600..=620).contains(&inner.count()), "{}", inner.count());
}
