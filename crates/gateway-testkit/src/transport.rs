//! A transport without a network.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use gateway_provider::{
    BodyStream, BoxFuture, SendLimits, Transport, TransportError, TransportFault, Upload,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

/// One step of a scripted body.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// A chunk arrives.
    Chunk(Bytes),
    /// Nothing is ready for one poll, then it goes on.
    Pause,
    /// The transfer breaks.
    Break(TransportError),
    /// Nothing ever comes again.
    Stall,
}

#[derive(Debug, Clone)]
enum Head {
    Answer(StatusCode, HeaderMap),
    Fault(TransportError),
    Never,
}

/// What a [`ScriptedTransport`] answers to one request.
#[derive(Debug, Clone)]
pub struct ScriptedReply {
    head: Head,
    steps: Vec<Step>,
}

impl ScriptedReply {
    /// A status with a body in one chunk. A number that is no status becomes 500.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = body.into();
        let mut reply = Self {
            head: Head::Answer(status, HeaderMap::new()),
            steps: Vec::new(),
        };
        if !body.is_empty() {
            reply.steps.push(Step::Chunk(body));
        }
        if content_type.is_empty() {
            reply
        } else {
            reply.header("content-type", content_type)
        }
    }

    /// A JSON document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// A stream of server-sent events, status 200.
    pub fn sse(body: impl Into<Bytes>) -> Self {
        Self::new(200, "text/event-stream", body)
    }

    /// No answer at all: the request fails on its way.
    pub fn fault(fault: TransportFault) -> Self {
        Self {
            head: Head::Fault(TransportError::new(fault, "scripted")),
            steps: Vec::new(),
        }
    }

    /// No answer, ever.
    pub const fn never() -> Self {
        Self {
            head: Head::Never,
            steps: Vec::new(),
        }
    }

    /// Adds a header. One that is not valid is left out.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Head::Answer(_, headers), Ok(name), Ok(value)) = (
            &mut self.head,
            HeaderName::try_from(name),
            HeaderValue::try_from(value),
        ) {
            headers.append(name, value);
        }
        self
    }

    /// Replaces the body by these chunks.
    pub fn chunks(mut self, chunks: impl IntoIterator<Item = Bytes>) -> Self {
        self.steps = chunks.into_iter().map(Step::Chunk).collect();
        self
    }

    /// Adds a step to the body.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Breaks the connection after what the body has so far.
    pub fn cut(self) -> Self {
        self.step(Step::Break(TransportError::new(
            TransportFault::Body,
            "scripted",
        )))
    }

    /// Sends nothing more after what the body has so far, and keeps the connection open.
    pub fn stall(self) -> Self {
        self.step(Step::Stall)
    }
}

type Matcher = Arc<dyn Fn(&http::Request<Bytes>) -> bool + Send + Sync>;

#[derive(Default)]
struct State {
    replies: VecDeque<ScriptedReply>,
    always: Option<ScriptedReply>,
    asides: Vec<(Matcher, ScriptedReply)>,
    requests: Vec<http::Request<Bytes>>,
    waiting: usize,
    open: usize,
    abandoned: usize,
}

/// Plays replies in order and remembers the requests. Clones share one script.
///
/// When the script is over, requests fail with [`TransportFault::Request`], so that a forgotten reply is seen.
#[derive(Clone, Default)]
pub struct ScriptedTransport(Arc<Mutex<State>>);

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ScriptedTransport")
            .field("replies_left", &state.replies.len())
            .field("requests", &state.requests.len())
            .field("open", &state.open)
            .finish_non_exhaustive()
    }
}

impl ScriptedTransport {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the next reply.
    pub fn then(self, reply: ScriptedReply) -> Self {
        self.push(reply);
        self
    }

    /// Adds the next reply while the script runs.
    pub fn push(&self, reply: ScriptedReply) {
        self.state().replies.push_back(reply);
    }

    /// Answers everything for which no reply is left.
    pub fn always(self, reply: ScriptedReply) -> Self {
        self.state().always = Some(reply);
        self
    }

    /// Answers requests that `matches` outside the script, always the same way, without recording them: token
    /// endpoints, metadata servers.
    pub fn aside(
        self,
        matches: impl Fn(&http::Request<Bytes>) -> bool + Send + Sync + 'static,
        reply: ScriptedReply,
    ) -> Self {
        self.state().asides.push((Arc::new(matches), reply));
        self
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<http::Request<Bytes>> {
        self.state().requests.clone()
    }

    /// The last request.
    pub fn last_request(&self) -> Option<http::Request<Bytes>> {
        self.state().requests.last().cloned()
    }

    /// How many exchanges are under way: requests that wait for their head, and bodies neither read to their end nor
    /// dropped.
    pub fn open(&self) -> usize {
        let state = self.state();
        state.open + state.waiting
    }

    /// How many exchanges were dropped before their end.
    pub fn abandoned(&self) -> usize {
        self.state().abandoned
    }

    fn answer(&self, request: http::Request<Bytes>) -> ScriptedReply {
        let mut state = self.state();
        let aside = state
            .asides
            .iter()
            .find(|(matches, _)| matches(&request))
            .map(|(_, reply)| reply.clone());
        if let Some(reply) = aside {
            return reply;
        }
        state.requests.push(request);
        let next = state.replies.pop_front();
        next.or_else(|| state.always.clone()).unwrap_or_else(|| {
            let mut over = ScriptedReply::fault(TransportFault::Request);
            if let Head::Fault(error) = &mut over.head {
                "the script has no reply left for this request".clone_into(&mut error.detail);
            }
            over
        })
    }
}

impl Transport for ScriptedTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _limits: SendLimits,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>> {
        let reply = self.answer(request);
        let transport = self.clone();
        Box::pin(async move {
            let (status, headers) = match reply.head {
                Head::Answer(status, headers) => (status, headers),
                Head::Fault(error) => return Err(error),
                Head::Never => {
                    let _waiting = Waiting::new(transport);
                    return std::future::pending().await;
                }
            };
            transport.state().open += 1;
            let body: BodyStream = Box::pin(ScriptedBody {
                steps: reply.steps.into(),
                transport,
                over: false,
            });
            let mut response = http::Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        })
    }

    /// Takes the body to its end, as a server does that reads everything before it answers. One that cannot be reached
    /// takes nothing.
    fn send_upload(
        &self,
        mut request: http::Request<Bytes>,
        upload: Upload,
        limits: SendLimits,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>> {
        let transport = self.clone();
        Box::pin(async move {
            let unreachable = {
                let state = transport.state();
                let reply = state.replies.front().or(state.always.as_ref());
                reply.is_some_and(|it| matches!(&it.head, Head::Fault(error) if error.unsent))
            };
            if !unreachable {
                let again = TransportError::new(TransportFault::Upload, "it was sent before");
                let mut body = upload.take().ok_or(again)?;
                let mut whole = BytesMut::new();
                while let Some(piece) =
                    std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await
                {
                    whole.extend_from_slice(&piece?);
                }
                *request.body_mut() = whole.freeze();
            }
            transport.send(request, limits).await
        })
    }
}

/// A request that waits for a head that never comes.
struct Waiting(ScriptedTransport);

impl Waiting {
    fn new(transport: ScriptedTransport) -> Self {
        transport.state().waiting += 1;
        Self(transport)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        state.abandoned += 1;
    }
}

struct ScriptedBody {
    steps: VecDeque<Step>,
    transport: ScriptedTransport,
    over: bool,
}

impl Stream for ScriptedBody {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.steps.pop_front() {
            Some(Step::Chunk(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Step::Pause) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Break(error)) => {
                self.steps.clear();
                self.over = true;
                Poll::Ready(Some(Err(error)))
            }
            Some(Step::Stall) => {
                self.steps.push_front(Step::Stall);
                Poll::Pending
            }
            None => {
                self.over = true;
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        let mut state = self.transport.state();
        state.open -= 1;
        if !self.over {
            state.abandoned += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_provider::collect;

    use super::*;

    fn request() -> http::Request<Bytes> {
        http::Request::new(Bytes::from_static(b"{}"))
    }

    #[tokio::test]
    async fn replies_come_in_order_and_requests_are_kept() {
        let transport = ScriptedTransport::new()
            .then(ScriptedReply::new(200, "text/plain", "one"))
            .then(ScriptedReply::fault(TransportFault::Dns))
            .always(ScriptedReply::sse("ab").step(Step::Pause).cut());
        let first = transport
            .send(request(), SendLimits::default())
            .await
            .unwrap();
        assert_eq!(first.headers()["content-type"], "text/plain");
        assert_eq!(collect(first.into_body(), 99).await.unwrap(), "one");
        let second = transport.send(request(), SendLimits::default()).await;
        assert_eq!(second.err().unwrap().fault, TransportFault::Dns);
        for _ in 0..2 {
            let third = transport
                .send(request(), SendLimits::default())
                .await
                .unwrap();
            assert!(collect(third.into_body(), 99).await.is_err());
        }
        assert_eq!(transport.requests().len(), 4);
        assert_eq!((transport.open(), transport.abandoned()), (0, 0));
    }

    #[tokio::test]
    async fn dropped_exchanges_are_counted() {
        let transport = ScriptedTransport::new()
            .then(ScriptedReply::sse("ab").stall())
            .then(ScriptedReply::never());
        let stalled = transport
            .send(request(), SendLimits::default())
            .await
            .unwrap();
        assert_eq!(transport.open(), 1);
        drop(stalled);
        assert_eq!((transport.open(), transport.abandoned()), (0, 1));
        let mut never = transport.send(request(), SendLimits::default());
        let waker = std::task::Waker::noop();
        assert!(
            never
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        assert_eq!(transport.open(), 1);
        drop(never);
        assert_eq!((transport.open(), transport.abandoned()), (0, 2));
    }

    #[tokio::test]
    async fn a_script_that_is_over_says_so() {
        let sent = ScriptedTransport::new()
            .send(request(), SendLimits::default())
            .await;
        assert!(sent.err().unwrap().detail.contains("no reply left"));
    }
}
