use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use gateway_provider::{Call, Lane, Reply, ReplyBody};
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind};
use tower::{Service, ServiceExt, service_fn};

use super::{ConcurrencyLimited, Places};
use crate::testing::call;

fn stream() -> Reply {
    let frames =
        futures_util::stream::iter([Ok(Frame::raw(Bytes::from_static(b"x"), Facts::default()))]);
    Reply::new(
        "p".into(),
        "m".into(),
        Dialect::OPENAI,
        Lane::Same,
        ReplyBody::Stream(Box::pin(frames)),
    )
}

fn service(places: &Places) -> impl Service<Call, Response = Reply, Error = CallError> + Clone {
    ConcurrencyLimited::new(service_fn(|_| async { Ok(stream()) }), Some(places.clone()))
}

#[tokio::test]
async fn a_place_is_held_until_the_stream_is_over_and_the_line_is_fair() {
    let places = Places::new(1, 2);
    let held = service(&places).oneshot(call()).await.unwrap();
    let mut second = Box::pin(service(&places).oneshot(call()));
    let mut third = Box::pin(service(&places).oneshot(call()));
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    let refused = service(&places).oneshot(call()).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Unavailable, Some("concurrency_limit"))
    );

    let ReplyBody::Stream(mut body) = held.body else {
        panic!("a stream")
    };
    while body.next().await.is_some() {}
    assert!(
        (&mut third).now_or_never().is_none(),
        "the second is first in line"
    );
    let reply = (&mut second).now_or_never().unwrap().unwrap();
    drop(reply);
    assert!(third.now_or_never().unwrap().is_ok());
    assert_eq!(places.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_in_line_too() {
    let places = Places::new(1, 1);
    let _held = service(&places).oneshot(call()).await.unwrap();
    let mut hurried = call();
    let now = tokio::time::Instant::now().into_std();
    hurried.context.deadline = Some(now + std::time::Duration::from_secs(3));
    let error = service(&places).oneshot(hurried).await.unwrap_err();
    assert_eq!(error.code(), Some("deadline_exceeded"));
    assert_eq!(places.waiting(), 0);
}

#[tokio::test]
async fn a_call_that_leaves_the_line_makes_room() {
    let places = Places::new(1, 1);
    let _held = service(&places).oneshot(call()).await.unwrap();
    let mut waiting = Box::pin(service(&places).oneshot(call()));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(places.waiting(), 1);
    drop(waiting);
    assert_eq!(places.waiting(), 0);
}
