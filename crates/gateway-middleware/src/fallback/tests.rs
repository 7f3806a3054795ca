use std::sync::Arc;
use std::time::Duration;

use gateway_provider::Reply;
use gateway_schema::{CallError, ErrorKind, Retry};
use tokio::time::Instant;
use tower::ServiceExt;

use super::policy::{Standing, order};
use super::{Candidate, Fallback, FallbackConfig, Rest};
use crate::retry::{RetryBudget, RetryConfig};
use crate::testing::{Scripted, call, fault};

fn fallback(services: &[(usize, &Scripted)], config: FallbackConfig) -> Fallback<Scripted> {
    let candidates = services
        .iter()
        .enumerate()
        .map(|(index, (group, service))| Candidate {
            name: format!("e{index}").into(),
            group: *group,
            service: (*service).clone(),
            rest: Rest::new(),
        })
        .collect();
    Fallback::new(candidates, config, RetryBudget::new(1.0), Arc::new(|| 0))
}

fn down() -> CallError {
    fault(ErrorKind::Unavailable, Retry::Elsewhere)
}

fn who(outcome: Result<Reply, CallError>) -> String {
    outcome.unwrap().provider.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_next_target_answers_when_one_fails_and_the_order_is_kept() {
    let (a, b, c) = (
        Scripted::new("a", [down()]),
        Scripted::new("b", [down()]),
        Scripted::new("c", []),
    );
    let service = fallback(&[(0, &a), (1, &b), (2, &c)], FallbackConfig::new());
    assert_eq!(who(service.clone().oneshot(call()).await), "c");
    assert_eq!(
        who(service.oneshot(call()).await),
        "a",
        "the first is asked first again"
    );
    assert_eq!((a.count(), b.count(), c.count()), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_account_rests_for_longer_than_the_bound_whatever_its_provider_says() {
    let year = Duration::from_hours(24 * 365);
    for (rest, longest) in [
        (Rest::new(), Duration::from_hours(1)),
        (
            Rest::new().with_longest(Duration::from_mins(5)),
            Duration::from_mins(5),
        ),
    ] {
        let limited = CallError::upstream(ErrorKind::RateLimited, "no").with_retry_after(year);
        rest.learn(Some(&limited));
        assert_eq!(rest.remaining(), longest);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mistake_leads_nowhere_unless_its_kind_was_named() {
    let too_long = || fault(ErrorKind::ContextLength, Retry::Never);
    let (a, b) = (
        Scripted::new("a", [too_long(), too_long()]),
        Scripted::new("b", []),
    );
    let plain = fallback(&[(0, &a), (1, &b)], FallbackConfig::new());
    assert_eq!(
        plain.oneshot(call()).await.unwrap_err().kind(),
        ErrorKind::ContextLength
    );
    let asked = FallbackConfig::new().with_also_on([ErrorKind::ContextLength]);
    assert_eq!(
        who(fallback(&[(0, &a), (1, &b)], asked).oneshot(call()).await),
        "b"
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_last_error_is_told_and_attempts_are_bounded() {
    let (a, b) = (
        Scripted::new("a", vec![down(); 9]),
        Scripted::new("b", vec![down(); 9]),
    );
    let config = FallbackConfig::new().with_rounds(RetryConfig::new());
    assert!(
        fallback(&[(0, &a), (1, &b)], config)
            .oneshot(call())
            .await
            .is_err()
    );
    assert_eq!(
        (a.count(), b.count()),
        (1, 1),
        "a target that will not answer is asked once"
    );
}

#[tokio::test(start_paused = true)]
async fn another_round_follows_for_targets_that_may_recover() {
    let wait = Duration::from_secs(3);
    let limited = fault(ErrorKind::RateLimited, Retry::After(wait));
    let (a, b) = (
        Scripted::new("a", [limited]),
        Scripted::new("b", vec![down(); 9]),
    );
    let config = FallbackConfig::new().with_rounds(RetryConfig::new());
    let begun = Instant::now();
    assert_eq!(
        who(fallback(&[(0, &a), (1, &b)], config).oneshot(call()).await),
        "a"
    );
    assert_eq!(begun.elapsed().as_secs(), wait.as_secs());
    assert_eq!((a.count(), b.count()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn keys_take_turns_and_a_rejected_one_rests_alone() {
    let rejected = fault(ErrorKind::Unauthenticated, Retry::Elsewhere);
    let (a, b) = (Scripted::new("a", [rejected]), Scripted::new("b", []));
    let service = fallback(&[(0, &a), (0, &b)], FallbackConfig::new());
    for _ in 0..10 {
        assert_eq!(who(service.clone().oneshot(call()).await), "b");
    }
    assert_eq!(a.count(), 1, "it rests");
    tokio::time::advance(Duration::from_secs(61)).await;
    let answers: Vec<String> = [
        who(service.clone().oneshot(call()).await),
        who(service.oneshot(call()).await),
    ]
    .into();
    assert!(
        answers.contains(&"a".to_owned()) && answers.contains(&"b".to_owned()),
        "{answers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resting_key_is_still_tried_when_there_is_no_other() {
    let rejected = fault(ErrorKind::Unauthenticated, Retry::Elsewhere);
    let only = Scripted::new("a", [rejected]);
    let service = fallback(&[(0, &only)], FallbackConfig::new());
    assert!(service.clone().oneshot(call()).await.is_err());
    assert_eq!(who(service.oneshot(call()).await), "a");
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_ends_it() {
    let (a, b) = (Scripted::new("a", [down()]), Scripted::new("b", []));
    let mut late = call();
    late.context.deadline = Some(late.context.started);
    assert!(
        fallback(&[(0, &a), (1, &b)], FallbackConfig::new())
            .oneshot(late)
            .await
            .is_err()
    );
    assert_eq!(b.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_answered_by_nobody_is_told_what_a_provider_said_or_the_shortest_wait() {
    let open = |seconds| {
        CallError::gateway(ErrorKind::Unavailable, "left alone")
            .with_retry(Retry::Elsewhere)
            .with_retry_after(Duration::from_secs(seconds))
    };
    for (first, second, kind, wait) in [
        (open(5), open(9), ErrorKind::Unavailable, Some(5)),
        (open(9), open(5), ErrorKind::Unavailable, Some(5)),
        (
            fault(ErrorKind::Upstream, Retry::Elsewhere),
            open(5),
            ErrorKind::Upstream,
            None,
        ),
        (
            open(5),
            fault(ErrorKind::Upstream, Retry::Elsewhere),
            ErrorKind::Upstream,
            None,
        ),
        (
            down(),
            fault(ErrorKind::Upstream, Retry::Elsewhere),
            ErrorKind::Upstream,
            None,
        ),
    ] {
        let (a, b) = (Scripted::new("a", [first]), Scripted::new("b", [second]));
        let service = fallback(&[(0, &a), (1, &b)], FallbackConfig::new());
        let error = service.oneshot(call()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry_after()),
            (kind, wait.map(Duration::from_secs))
        );
    }
}

#[test]
fn order_is_by_rest_then_group_then_turn() {
    let standing = |group, secs| Standing {
        group,
        resting: Duration::from_secs(secs),
    };
    let all = [
        standing(0, 0),
        standing(0, 0),
        standing(0, 9),
        standing(1, 0),
        standing(2, 3),
    ];
    assert_eq!(order(&all, 0), [0, 1, 3, 4, 2]);
    assert_eq!(order(&all[..2], 1), [1, 0]);
    assert_eq!(order(&all[..2], 2), [0, 1]);
    assert_eq!(order(&[], 5), [0_usize; 0]);
}
