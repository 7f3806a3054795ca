use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gateway_provider::{Call, Context, Lane, Payload, Reply, ReplyBody};
use gateway_schema::chat::ChatRequest;
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Origin, Request, Retry};
use tower::{ServiceExt, service_fn};

use super::{Overall, Timeout, TimeoutConfig};

fn call(stream: bool) -> Call {
    let context = Context::new(
        "r".into(),
        "chat".into(),
        tokio::time::Instant::now().into_std(),
    );
    let payload = Payload::from_request(Request::Chat(Box::new(ChatRequest::new(vec![]))));
    Call::new(context, Operation::Chat, stream, payload)
}

fn config() -> TimeoutConfig {
    TimeoutConfig::new()
        .with_first_event(Duration::from_secs(2))
        .with_idle(Duration::from_secs(1))
        .with_total(Duration::from_secs(20))
}

/// A stream of frames, each after its pause; then silence for ever.
fn frames(pauses: &'static [(u64, bool)]) -> Reply {
    let stream = futures_util::stream::iter(pauses)
        .then(|(millis, ended)| async move {
            tokio::time::sleep(Duration::from_millis(*millis)).await;
            let mut facts = Facts::default();
            facts.ended = *ended;
            Ok(Frame::raw(Bytes::from_static(b"x"), facts))
        })
        .chain(futures_util::stream::pending());
    Reply::new(
        "p".into(),
        "m".into(),
        Dialect::OPENAI,
        Lane::Same,
        ReplyBody::Stream(Box::pin(stream)),
    )
}

async fn read(reply: Reply) -> (usize, Option<CallError>) {
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    let mut seen = 0;
    while let Some(item) = stream.next().await {
        match item {
            Ok(_) => seen += 1,
            Err(error) => return (seen, Some(error)),
        }
    }
    (seen, None)
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_that_is_late_is_an_error_that_may_be_tried_elsewhere() {
    let service = Timeout::new(
        service_fn(|_| std::future::pending::<Result<Reply, CallError>>()),
        config(),
    );
    let begun = tokio::time::Instant::now();
    let error = service.oneshot(call(false)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::Elsewhere)
    );
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_begin_is_ended_by_first_event() {
    let service = Timeout::new(
        service_fn(|_| std::future::pending::<Result<Reply, CallError>>()),
        config(),
    );
    let begun = tokio::time::Instant::now();
    let error = service.oneshot(call(true)).await.unwrap_err();
    assert!(error.message().contains("timeout.first_event"), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_counts_when_it_is_earlier() {
    let service = Timeout::new(
        service_fn(|_| std::future::pending::<Result<Reply, CallError>>()),
        config(),
    );
    let mut call = call(false);
    call.context.deadline = Some(call.context.started + Duration::from_millis(50));
    let error = service.oneshot(call).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::Never)
    );
    assert_eq!(error.origin(), Origin::Gateway, "no provider's fault");
}

#[tokio::test(start_paused = true)]
async fn a_wish_for_a_beginning_does_not_bound_the_rest_of_a_stream() {
    const PAUSES: [(u64, bool); 4] = [(900, false); 4];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let mut call = call(true);
    call.context.begin_by = Some(call.context.started + Duration::from_millis(500));
    let (seen, _) = read(service.oneshot(call).await.unwrap()).await;
    assert_eq!(seen, 4);
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_not_asked() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&asked);
    let service = service_fn(move |_| {
        seen.store(true, std::sync::atomic::Ordering::Relaxed);
        async { Ok(frames(&[])) }
    });
    let mut call = call(false);
    call.context.deadline = Some(call.context.started);
    let error = Timeout::new(service, config())
        .oneshot(call)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.origin()),
        (ErrorKind::Timeout, Origin::Gateway)
    );
    assert!(!asked.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn the_whole_call_has_one_deadline_and_the_earlier_counts() {
    let deadline = |own: Option<u64>| async move {
        let service = service_fn(|call: Call| async move {
            let at = call.context.deadline.unwrap();
            let left = at - tokio::time::Instant::now().into_std();
            Err::<Reply, _>(CallError::client(
                ErrorKind::Internal,
                format!("{left:?} {:?}", call.context.total),
            ))
        });
        let mut call = call(false);
        let now = tokio::time::Instant::now().into_std();
        call.context.deadline = own.map(|seconds| now + Duration::from_secs(seconds));
        let overall = Overall::new(service, Duration::from_secs(10));
        overall
            .oneshot(call)
            .await
            .unwrap_err()
            .message()
            .to_owned()
    };
    assert_eq!(deadline(None).await, "10s Some(10s)");
    assert_eq!(deadline(Some(30)).await, "10s Some(10s)");
    assert_eq!(deadline(Some(4)).await, "4s None");
}

#[tokio::test(start_paused = true)]
async fn a_long_stream_without_silence_is_left_alone_and_silence_ends_it() {
    const PAUSES: [(u64, bool); 8] = [(900, false); 8];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let reply = service.oneshot(call(true)).await.unwrap();
    let (seen, error) = read(reply).await;
    assert_eq!(seen, 8);
    assert!(error.unwrap().message().contains("timeout.idle"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_began_with_an_event_that_says_nothing_must_say_something_by_first_event() {
    const PAUSES: [(u64, bool); 8] = [(900, false); 8];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let mut call = call(true);
    call.context.may_ask_again = false;
    let (seen, error) = read(service.oneshot(call).await.unwrap()).await;
    assert_eq!(seen, 2);
    assert!(error.unwrap().message().contains("timeout.first_event"));
}

#[tokio::test(start_paused = true)]
async fn silence_after_the_terminator_is_a_good_end() {
    const PAUSES: [(u64, bool); 2] = [(10, false), (10, true)];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let (seen, error) = read(service.oneshot(call(true)).await.unwrap()).await;
    assert_eq!((seen, error), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_make_the_provider_late() {
    const PAUSES: [(u64, bool); 2] = [(10, false), (10, true)];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let reply = service.oneshot(call(true)).await.unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    assert!(stream.next().await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(stream.next().await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_ends_is_ended_by_total() {
    const PAUSES: [(u64, bool); 40] = [(900, false); 40];
    let service = Timeout::new(service_fn(|_| async { Ok(frames(&PAUSES)) }), config());
    let begun = tokio::time::Instant::now();
    let (_, error) = read(service.oneshot(call(true)).await.unwrap()).await;
    assert!(error.unwrap().message().contains("timeout.total"));
    assert_eq!(begun.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_always_has_a_frame_does_not_outrun_total_for_a_slow_reader() {
    let service = Timeout::new(
        service_fn(|_| async {
            let frame = || Ok(Frame::raw(Bytes::from_static(b"x"), Facts::default()));
            let stream = futures_util::stream::repeat_with(frame);
            let body = ReplyBody::Stream(Box::pin(stream));
            let (provider, model) = ("p".into(), "m".into());
            Ok(Reply::new(
                provider,
                model,
                Dialect::OPENAI,
                Lane::Same,
                body,
            ))
        }),
        config(),
    );
    let reply = service.oneshot(call(true)).await.unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    let mut seen = 0;
    let error = loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        match stream.next().await.unwrap() {
            Ok(_) => seen += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((seen, error.code()), (6, Some("timeout_total")));
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_ended_is_dropped_before_its_error_is_told() {
    struct Noisy(std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let noisy = std::sync::Arc::clone(&dropped);
    let service = Timeout::new(
        service_fn(move |_| {
            let noisy = Noisy(std::sync::Arc::clone(&noisy));
            async move {
                let _noisy = noisy;
                std::future::pending::<Result<Reply, CallError>>().await
            }
        }),
        config(),
    );
    let mut future = Box::pin(service.oneshot(call(false)));
    assert!(future.as_mut().await.is_err());
    assert!(dropped.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn the_service_is_what_a_stack_needs() {
    fn assert_service<S: tower_service::Service<Call> + Clone + Send + Sync + 'static>(_: &S) {}
    assert_service(&Timeout::new(
        service_fn(|_: Call| {
            std::future::ready(Err::<Reply, _>(CallError::gateway(
                ErrorKind::Internal,
                "x",
            )))
        }),
        config(),
    ));
}
