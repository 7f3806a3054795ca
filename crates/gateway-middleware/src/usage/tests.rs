use std::sync::Arc;

use futures_util::StreamExt;
use gateway_provider::{Call, Context, Lane, Payload, Reply, ReplyBody};
use gateway_schema::chat::{ChatRequest, Finish, FinishReason, StreamEvent};
use gateway_schema::stream::Frame;
use gateway_schema::{
    CallError, Dialect, ErrorKind, Operation, Origin, Request, TokenSource, Usage,
};
use gateway_store::{MemoryRecords, Settlement};
use tower::{ServiceExt, service_fn};

use super::Metered;

fn call() -> Call {
    let context = Context::new("r".into(), "chat".into(), std::time::Instant::now());
    let payload = Payload::from_request(Request::Chat(Box::new(ChatRequest::new(vec![]))));
    Call::new(context, Operation::Chat, true, payload)
}

#[expect(clippy::unnecessary_wraps, reason = "an item of a stream")]
fn text(text: &str) -> Result<Frame, CallError> {
    Ok(Frame::events(vec![StreamEvent::Text {
        choice: 0,
        text: text.to_owned(),
    }]))
}

#[expect(clippy::unnecessary_wraps, reason = "an item of a stream")]
fn end() -> Result<Frame, CallError> {
    Ok(Frame::events(vec![
        StreamEvent::Finish {
            choice: 0,
            finish: Finish::new(FinishReason::Stop),
        },
        StreamEvent::Usage(Usage::new(7, 2)),
        StreamEvent::End,
    ]))
}

fn reply(items: Vec<Result<Frame, CallError>>) -> Reply {
    let body = ReplyBody::Stream(Box::pin(futures_util::stream::iter(items)));
    Reply::new("p".into(), "m".into(), Dialect::OPENAI, Lane::Cross, body)
}

/// Runs a call, reads `frames` items of its stream, drops the rest, and returns the one record.
async fn settle(outcome: Result<Reply, CallError>, frames: usize) -> gateway_store::CallRecord {
    let records = Arc::new(MemoryRecords::new(10));
    let outcome = std::sync::Mutex::new(Some(outcome));
    let inner = service_fn(|_: Call| std::future::ready(outcome.lock().unwrap().take().unwrap()));
    let service = Metered::new(inner, Arc::clone(&records) as _);
    if let Ok(reply) = service.oneshot(call()).await {
        let ReplyBody::Stream(mut stream) = reply.body else {
            panic!("a stream")
        };
        for _ in 0..frames {
            stream.next().await;
        }
        assert_eq!(
            records.take().len(),
            0,
            "nothing settles before the stream is over or dropped"
        );
        drop(stream);
    }
    let mut all = records.take();
    assert_eq!(all.len(), 1, "settled exactly once");
    all.remove(0)
}

#[tokio::test]
async fn a_stream_read_to_its_end_settles_as_completed_with_the_reported_usage() {
    let record = settle(Ok(reply(vec![text("a"), end()])), 3).await;
    assert_eq!(record.settlement, Settlement::Completed);
    assert_eq!(record.finish, Some(FinishReason::Stop));
    assert_eq!(
        (record.usage.input_tokens, record.usage.output_tokens),
        (Some(7), Some(2))
    );
    assert_eq!(record.usage.source, TokenSource::Reported);
    assert!(record.time_to_first_event.is_some());
}

#[tokio::test]
async fn a_caller_that_leaves_after_the_terminator_had_everything() {
    let record = settle(Ok(reply(vec![text("a"), end()])), 2).await;
    assert_eq!(record.settlement, Settlement::Completed);
}

#[tokio::test]
async fn a_caller_that_leaves_early_is_settled_as_cancelled_with_an_estimate() {
    let record = settle(Ok(reply(vec![text("eight by"), text("tes"), end()])), 2).await;
    assert_eq!(record.settlement, Settlement::Cancelled);
    assert_eq!(record.usage.output_tokens, Some(3));
    assert_eq!(record.usage.source, TokenSource::Estimated);
}

#[tokio::test]
async fn a_stream_that_breaks_settles_as_failed() {
    let broken = CallError::upstream(ErrorKind::Timeout, "late");
    let record = settle(Ok(reply(vec![text("a"), Err(broken)])), 3).await;
    assert_eq!(
        record.settlement,
        Settlement::Failed(ErrorKind::Timeout, Origin::Upstream)
    );
}

#[tokio::test]
async fn a_call_that_fails_settles_as_failed_and_consumed_nothing() {
    let record = settle(Err(CallError::client(ErrorKind::InvalidRequest, "no")), 0).await;
    assert_eq!(
        record.settlement,
        Settlement::Failed(ErrorKind::InvalidRequest, Origin::Client)
    );
    assert_eq!(record.usage, Usage::default());
}

#[tokio::test]
async fn a_call_that_is_dropped_before_it_answers_settles_as_cancelled() {
    let records = Arc::new(MemoryRecords::new(10));
    let inner = service_fn(|_: Call| std::future::pending::<Result<Reply, CallError>>());
    let future = Metered::new(inner, Arc::clone(&records) as _).oneshot(call());
    let mut future = Box::pin(future);
    assert!(futures_util::FutureExt::now_or_never(&mut future).is_none());
    drop(future);
    let all = records.take();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].settlement, Settlement::Cancelled);
}

struct FlatRate;

impl super::Prices for FlatRate {
    fn cost(
        &self,
        endpoint: &gateway_schema::EndpointName,
        usage: &Usage,
    ) -> Option<(gateway_schema::Usd, &'static str)> {
        assert_eq!(endpoint.as_str(), "chat");
        let nanos = i64::try_from(usage.total()).unwrap();
        Some((gateway_schema::Usd::from_nanos(nanos), "flat"))
    }
}

#[tokio::test]
async fn a_meter_prices_counts_and_keeps_what_it_is_told_to() {
    let records = Arc::new(MemoryRecords::new(10));
    let in_flight = Arc::new(super::InFlight::default());
    let meter = super::Meter::new(Arc::clone(&records) as _)
        .with_prices(Arc::new(FlatRate))
        .with_in_flight(Arc::clone(&in_flight))
        .with_content(true);
    let inner =
        service_fn(|_: Call| std::future::ready(Ok(reply(vec![text("Hel"), text("lo"), end()]))));
    let service = Metered::by(inner, Arc::new(meter));
    let ReplyBody::Stream(mut stream) = service.oneshot(call()).await.unwrap().body else {
        panic!("a stream")
    };
    assert_eq!(
        in_flight.count(),
        1,
        "a stream is on its way until it is over"
    );
    while stream.next().await.is_some() {}
    drop(stream);
    assert_eq!(in_flight.count(), 0);
    let record = records.take().remove(0);
    assert_eq!(record.cost.unwrap().nanos(), 9);
    assert_eq!(record.price_version, Some("flat"));
    assert_eq!(record.content.unwrap().response, b"Hello");
    assert!(record.overhead.is_some());
}

#[tokio::test]
async fn nothing_is_kept_of_what_was_said_unless_asked_for_and_a_failure_keeps_its_words() {
    let error = CallError::upstream(ErrorKind::Timeout, "late")
        .with_code("slow")
        .with_detail("10.0.0.1");
    let record = settle(Err(error), 0).await;
    let failure = record.failure.unwrap();
    assert_eq!(failure.code.as_deref(), Some("slow"));
    assert_eq!(failure.detail.as_deref(), Some("10.0.0.1"));
    assert_eq!((record.content, record.cost), (None, None));
}
