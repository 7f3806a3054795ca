use std::time::Duration;

use futures_util::StreamExt;
use gateway_provider::{Call, Reply, ReplyBody};
use gateway_schema::{CallError, ErrorKind, Operation, Retry};
use gateway_testkit::{Answer, ScriptedProvider};
use tower::{Service, ServiceExt};

use super::{Load, Observed};
use crate::fallback::Rest;
use crate::testing::{call, fault, provider};

fn observed(
    scripted: &ScriptedProvider,
    load: &Load,
) -> impl Service<Call, Response = Reply, Error = CallError, Future: Send> + Clone + use<> {
    Observed::new(provider(scripted)).with_load(load.clone())
}

fn scripted(answer: Answer, seconds: u64) -> ScriptedProvider {
    ScriptedProvider::new("p", "m")
        .with_delay(Duration::from_secs(seconds))
        .always(answer)
}

fn streamed() -> Call {
    let mut call = call();
    call.stream = true;
    call
}

fn assert_service<S: Service<Call> + Clone + Send + Sync + 'static>(_: &S) {}

#[tokio::test(start_paused = true)]
async fn a_call_is_under_way_until_its_stream_is_over_or_dropped() {
    let load = Load::new();
    let service =
        Observed::new(provider(&scripted(Answer::pieces(&["a", "b"]), 2))).with_load(load.clone());
    assert_service(&service);
    let waiting = tokio::spawn(service.clone().oneshot(streamed()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(load.in_flight(), 1);
    let reply = waiting.await.unwrap().unwrap();
    let other = service.clone().oneshot(streamed()).await.unwrap();
    assert_eq!(load.in_flight(), 2);
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    while stream.next().await.is_some() {}
    assert_eq!(load.in_flight(), 1, "one is over");
    drop(other);
    assert_eq!(load.in_flight(), 0, "the other was left");
}

#[tokio::test(start_paused = true)]
async fn streams_are_timed_to_their_first_token_and_apart_from_whole_answers() {
    let load = Load::new();
    let service = observed(&scripted(Answer::pieces(&["a"]), 2), &load);
    let reply = service.oneshot(streamed()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(reply);
    assert_eq!(load.latency(true), Some(Duration::from_secs(2)));
    assert_eq!(load.latency(false), None);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(load.latency(true), None, "that was long ago");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_fast_does_not_look_fast() {
    let load = Load::new();
    let fault_of = |kind| scripted(Answer::fail(kind), 0);
    let failed = observed(&fault_of(ErrorKind::Unavailable), &load)
        .oneshot(call())
        .await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(load.latency(false), Some(Duration::from_secs(5)));

    let load = Load::new();
    let mistake = Answer::Fail(fault(ErrorKind::InvalidRequest, Retry::Never));
    let failed = observed(&scripted(mistake, 0), &load).oneshot(call()).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(load.latency(false), None, "a mistake says nothing");
    let broken = Answer::broken(&["a"], fault(ErrorKind::Upstream, Retry::Elsewhere));
    let reply = observed(&scripted(broken, 1), &load)
        .oneshot(streamed())
        .await;
    let Ok(Reply {
        body: ReplyBody::Stream(stream),
        ..
    }) = reply
    else {
        panic!("a stream")
    };
    let frames: Vec<_> = stream.collect().await;
    assert!(frames.last().unwrap().is_err());
    assert_eq!(load.latency(true), Some(Duration::from_secs(5)), "it broke");
    assert_eq!(load.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_has_seen_how_slow_it_is() {
    let load = Load::new();
    let service = observed(&scripted(Answer::Never, 0), &load);
    let answer = tokio::time::timeout(Duration::from_secs(9), service.oneshot(call())).await;
    assert!(answer.is_err(), "the caller gave up");
    assert_eq!(load.latency(false), Some(Duration::from_secs(9)));
    assert_eq!(load.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn counting_tokens_is_not_timed() {
    let load = Load::new();
    let mut count = call();
    count.operation = Operation::CountTokens;
    observed(&scripted(Answer::text("1"), 3), &load)
        .oneshot(count)
        .await
        .unwrap();
    assert_eq!(load.latency(false), None);
}

#[tokio::test(start_paused = true)]
async fn one_call_finds_out_about_a_target_that_nobody_knows() {
    let (known, unknown) = (Load::new(), Load::new());
    let service = |load: &Load| observed(&scripted(Answer::text("1"), 1), load);
    service(&known).oneshot(call()).await.unwrap();
    assert!(unknown.cost(false) < known.cost(false));
    let first = tokio::spawn(service(&unknown).oneshot(call()));
    tokio::task::yield_now().await;
    assert!(
        unknown.cost(false) > known.cost(false),
        "it is being found out"
    );
    first.await.unwrap().unwrap();
    assert_eq!(unknown.cost(false).to_bits(), known.cost(false).to_bits());
}

#[tokio::test(start_paused = true)]
async fn a_limited_target_rests_as_long_as_it_says_and_an_answer_ends_it() {
    let rest = Rest::new();
    let limited = fault(
        ErrorKind::RateLimited,
        Retry::After(Duration::from_secs(30)),
    );
    let scripted = ScriptedProvider::new("p", "m")
        .then(Answer::Fail(limited))
        .always(Answer::text("1"));
    let service = Observed::new(provider(&scripted)).with_rest(rest.clone());
    let failed = service.clone().oneshot(call()).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(rest.remaining(), Duration::from_secs(30));
    service.oneshot(call()).await.unwrap();
    assert_eq!(rest.remaining(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nothing_stays_under_way_whatever_comes_of_ten_thousand_calls() {
    let load = Load::new();
    let broken = || Answer::broken(&["a"], fault(ErrorKind::Upstream, Retry::Elsewhere));
    let services = [
        observed(&scripted(Answer::text("1"), 1), &load),
        observed(&scripted(Answer::pieces(&["a", "b"]), 1), &load),
        observed(&scripted(Answer::fail(ErrorKind::Unavailable), 1), &load),
        observed(&scripted(broken(), 1), &load),
        observed(&scripted(Answer::Never, 0), &load),
    ];
    let mut open = Vec::new();
    for number in 0..10_000 {
        let mut service = services[number % services.len()].clone();
        let future = service.call(streamed());
        match number % 7 {
            0 => drop(future),
            1..4 => open.push(future),
            _ => {
                let seconds = Duration::from_millis(number as u64 % 2_000);
                let Ok(Ok(reply)) = tokio::time::timeout(seconds, future).await else {
                    continue;
                };
                if let ReplyBody::Stream(stream) = reply.body {
                    stream.take(number % 4).collect::<Vec<_>>().await;
                }
            }
        }
    }
    assert_eq!(load.in_flight(), open.len() as u64);
    drop(open);
    assert_eq!(load.in_flight(), 0);
}
