//! The edge as a tower service: bodies in pieces, readiness, cancelling.

use std::convert::Infallible;
use std::future::{Pending, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, stream};
use gateway_http::{Edge, EdgeBody, Peer};
use gateway_provider::{Call, Reply};
use gateway_schema::{CallError, ErrorKind};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Service, ServiceExt};

use crate::harness::{Script, WAYS, Way, edge, post, read};

fn assert_service<S>(_: &S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<EdgeBody>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
{
}

#[tokio::test]
async fn the_edge_is_a_service_that_never_fails() {
    assert_service(&edge(Script::default()));
}

#[tokio::test]
async fn a_body_of_one_frame_is_not_copied() {
    let script = Script::default();
    let body = Bytes::from(Way::Anthropic.body("chat"));
    let at = body.as_ptr();
    let request = post("/v1/messages", body).map(Full::new);
    edge(script.clone()).oneshot(request).await.unwrap();
    assert_eq!(script.call().payload.bytes().unwrap().as_ptr(), at);
}

#[tokio::test]
async fn a_body_cut_anywhere_is_the_same_body() {
    for way in WAYS {
        let body = way.body("chat");
        for cut in 0..=body.len() {
            let (a, b) = body.split_at(cut);
            let frames = [a, b].map(|part| {
                let bytes = Bytes::copy_from_slice(part.as_bytes());
                Ok::<_, Infallible>(Frame::data(bytes.chain(Bytes::new())))
            });
            let script = Script::default();
            let request = post(way.path(), "").map(|_| StreamBody::new(stream::iter(frames)));
            let got = read(edge(script.clone()).oneshot(request).await.unwrap()).await;
            assert_eq!(got.status, StatusCode::OK);
            assert_eq!(script.call().payload.bytes().unwrap(), body.as_bytes());
        }
    }
}

/// Gives its pieces one at a time, and nothing between them until it is asked again.
struct Slow {
    pieces: Vec<Bytes>,
    waited: bool,
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.waited = !self.waited;
        if self.waited {
            return Poll::Pending;
        }
        Poll::Ready(match self.pieces.pop() {
            Some(piece) if piece == "broken" => Some(Err("reset by peer")),
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => None,
        })
    }
}

#[tokio::test]
async fn a_slow_body_is_waited_for_and_asks_nothing_before_its_end() {
    let script = Script::default();
    let body = Way::Anthropic.body("chat");
    let pieces = body.as_bytes().chunks(7).rev();
    let slow = Slow {
        pieces: pieces.map(Bytes::copy_from_slice).collect(),
        waited: false,
    };
    let mut future = pin!(edge(script.clone()).oneshot(post("/v1/messages", "").map(|_| slow)));
    let mut polls = 0;
    let response = loop {
        polls += 1;
        if let Some(response) = (&mut future).now_or_never() {
            break response.unwrap();
        }
        assert_eq!(script.count(), 0);
    };
    assert!(polls > body.len() / 7);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(script.call().payload.bytes().unwrap(), body.as_bytes());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_caller_s_fault() {
    for way in WAYS {
        let slow = Slow {
            pieces: vec!["broken".into(), "{\"model\"".into()],
            waited: false,
        };
        let script = Script::default();
        let mut future = pin!(edge(script.clone()).oneshot(post(way.path(), "").map(|_| slow)));
        let response = loop {
            if let Some(response) = (&mut future).now_or_never() {
                break response.unwrap();
            }
        };
        let got = read(response).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert!(
            !got.text().contains("reset by peer"),
            "detail is for the log"
        );
        assert_eq!(got.header("x-gateway-error-origin"), "client");
    }
}

/// Never answers; notices when it is let go.
#[derive(Clone)]
struct Stuck(Arc<Mutex<bool>>);

struct LetGo(Arc<Mutex<bool>>, Pending<Result<Reply, CallError>>);

impl Drop for LetGo {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = true;
    }
}

impl Future for LetGo {
    type Output = Result<Reply, CallError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.1.poll_unpin(cx)
    }
}

impl Service<Call> for Stuck {
    type Response = Reply;
    type Error = CallError;
    type Future = LetGo;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> LetGo {
        LetGo(Arc::clone(&self.0), pending())
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_reply_lets_the_call_go() {
    let gone = Arc::new(Mutex::new(false));
    let request = post("/v1/messages", Way::Anthropic.body("chat")).map(Full::new);
    let mut future = Box::pin(edge(Stuck(Arc::clone(&gone))).oneshot(request));
    assert!((&mut future).now_or_never().is_none());
    assert!(!*gone.lock().unwrap());
    drop(future);
    assert!(*gone.lock().unwrap());
}

/// Ready once per instance, or failing.
struct Gate {
    inner: Script,
    ready: bool,
    fails: bool,
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            ready: false,
            fails: self.fails,
        }
    }
}

impl Service<Call> for Gate {
    type Response = Reply;
    type Error = CallError;
    type Future = <Script as Service<Call>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.ready = true;
        Poll::Ready(if self.fails {
            Err(CallError::gateway(
                ErrorKind::Unavailable,
                "No target is left.",
            ))
        } else {
            Ok(())
        })
    }

    fn call(&mut self, call: Call) -> Self::Future {
        assert!(self.ready, "called an instance that was not ready");
        self.ready = false;
        Service::call(&mut self.inner, call)
    }
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_that_is_called() {
    let script = Script::default();
    let mut edge: Edge<_> = edge(Gate {
        inner: script.clone(),
        ready: false,
        fails: false,
    });
    for _ in 0..2 {
        let request = post("/v1/messages", Way::Anthropic.body("chat")).map(Full::new);
        let response = ServiceExt::<Request<Full<Bytes>>>::ready(&mut edge)
            .await
            .unwrap()
            .call(request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(script.count(), 2);
}

#[tokio::test]
async fn a_service_that_fails_to_be_ready_answers_with_its_error() {
    for way in WAYS {
        let gate = Gate {
            inner: Script::default(),
            ready: false,
            fails: true,
        };
        let request = post(way.path(), way.body("chat")).map(Full::new);
        let response = edge(gate).oneshot(request).await.unwrap();
        let got = read(response).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(way.message(&got.json()), "No target is left.");
        assert_eq!(got.header("x-gateway-error-origin"), "gateway");
    }
}

#[tokio::test]
async fn the_address_of_the_caller_reaches_the_call() {
    let script = Script::default();
    let mut request = post("/v1/messages", Way::Anthropic.body("chat")).map(Full::new);
    let address = "10.0.0.7".parse().unwrap();
    request.extensions_mut().insert(Peer(address));
    let response = edge(script.clone()).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(script.call().context.peer, Some(address));
}
