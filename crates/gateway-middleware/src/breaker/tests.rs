use std::time::Duration;

use futures_util::FutureExt;
use gateway_provider::Reply;
use gateway_schema::{CallError, ErrorKind, Retry};
use tower::{ServiceExt, service_fn};

use super::{BreakerConfig, BreakerState, BreakerStatus, Breaking};
use crate::testing::{Scripted, call, fault};

const OPEN_FOR: Duration = Duration::from_secs(15);

fn breaking(inner: &Scripted, state: &BreakerState) -> Breaking<Scripted> {
    let config = BreakerConfig::new(3, Duration::from_secs(30), OPEN_FOR);
    Breaking::new(inner.clone(), config, state.clone())
}

fn down() -> CallError {
    fault(ErrorKind::Unavailable, Retry::Same)
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_faults_probes_once_and_closes_on_success() {
    let state = BreakerState::new();
    let inner = Scripted::new("p", vec![down(); 4]);
    let service = breaking(&inner, &state);
    for _ in 0..3 {
        assert!(service.clone().oneshot(call()).await.is_err());
    }
    assert_eq!(state.status(), BreakerStatus::Open(OPEN_FOR));
    let refused = service.clone().oneshot(call()).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.retry()),
        (ErrorKind::Unavailable, Retry::Elsewhere)
    );
    assert_eq!(refused.retry_after(), Some(OPEN_FOR));
    assert_eq!(inner.count(), 3, "the target is left alone");

    tokio::time::advance(OPEN_FOR).await;
    assert_eq!(state.status(), BreakerStatus::HalfOpen);
    assert!(
        service.clone().oneshot(call()).await.is_err(),
        "the probe fails: open again at once"
    );
    assert_eq!(
        (inner.count(), state.status()),
        (4, BreakerStatus::Open(OPEN_FOR))
    );

    tokio::time::advance(OPEN_FOR).await;
    assert!(service.clone().oneshot(call()).await.is_ok());
    assert_eq!(state.status(), BreakerStatus::Closed);
}

#[tokio::test(start_paused = true)]
async fn faults_far_apart_do_not_add_up() {
    let state = BreakerState::new();
    let service = breaking(&Scripted::new("p", vec![down(); 9]), &state);
    for _ in 0..9 {
        assert!(service.clone().oneshot(call()).await.is_err());
        tokio::time::advance(Duration::from_secs(16)).await;
    }
    assert_eq!(state.status(), BreakerStatus::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_clients_mistake_never_trips_it() {
    let mistakes = [
        CallError::client(ErrorKind::InvalidRequest, "no"),
        fault(ErrorKind::InvalidRequest, Retry::Never),
        fault(ErrorKind::Unauthenticated, Retry::Elsewhere),
        CallError::gateway(ErrorKind::Unavailable, "ours"),
        fault(ErrorKind::RateLimited, Retry::Elsewhere),
    ];
    let state = BreakerState::new();
    let service = breaking(
        &Scripted::new("p", mistakes.iter().cloned().cycle().take(50)),
        &state,
    );
    for _ in 0..50 {
        assert!(service.clone().oneshot(call()).await.is_err());
    }
    assert_eq!(state.status(), BreakerStatus::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_limited_target_rests_until_its_retry_after() {
    let state = BreakerState::new();
    let wait = Duration::from_secs(7);
    let inner = Scripted::new("p", [fault(ErrorKind::RateLimited, Retry::After(wait))]);
    let service = breaking(&inner, &state);
    assert!(service.clone().oneshot(call()).await.is_err());
    assert_eq!(
        service
            .clone()
            .oneshot(call())
            .await
            .unwrap_err()
            .retry_after(),
        Some(wait)
    );
    tokio::time::advance(wait).await;
    assert!(service.oneshot(call()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn only_one_call_probes_and_an_abandoned_probe_lets_the_next_one() {
    let state = BreakerState::new();
    state.rest(OPEN_FOR);
    tokio::time::advance(OPEN_FOR).await;
    let config = BreakerConfig::new(3, OPEN_FOR, OPEN_FOR);
    let hanging = Breaking::new(
        service_fn(|_| std::future::pending::<Result<Reply, CallError>>()),
        config,
        state.clone(),
    );
    let mut probe = Box::pin(hanging.clone().oneshot(call()));
    assert!((&mut probe).now_or_never().is_none());
    let inner = Scripted::new("p", []);
    assert!(
        breaking(&inner, &state).oneshot(call()).await.is_err(),
        "somebody probes already"
    );
    drop(probe);
    assert!(breaking(&inner, &state).oneshot(call()).await.is_ok());
    assert_eq!(state.status(), BreakerStatus::Closed);
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_everything_passes() {
    let inner = Scripted::new("p", vec![down(); 20]);
    for _ in 0..20 {
        assert!(
            Breaking::never(inner.clone())
                .oneshot(call())
                .await
                .is_err()
        );
    }
    assert_eq!(inner.count(), 20);
}
