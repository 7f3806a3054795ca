//! The service itself.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gateway_provider::{ByteBudget, Call, Clock, Reply};
use gateway_schema::CallError;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::EdgeBody;
use crate::config::EdgeConfig;
use crate::directory::Directory;
use crate::ids::Ids;
use crate::read::{BodyError, ReadBody, Unpack};
use crate::reply::{Folding, Outgoing};
use crate::router::Router;
use crate::task::{Begun, Next, Task, Who};
use crate::upload::Gather;

/// The address of the caller. Whoever accepts connections puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What the bodies in progress of one connection may hold together, for connections with several requests at a time.
/// Whoever accepts connections puts it into the extensions of each request.
#[derive(Debug, Clone, Default)]
pub struct Connection(pub ByteBudget);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) config: EdgeConfig,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) router: Router,
}

/// HTTP requests in, calls out; replies in, HTTP responses out. It never fails: everything becomes a response.
///
/// Shape: one call of the inner service per request that asks an endpoint; none for the others. Readiness is the inner
/// service's; if that fails, the next request is answered with the failure.
/// Cancellation: dropping the future, or the body of its response, drops the inner future or the reply's stream.
pub struct Edge<S> {
    service: S,
    shared: Arc<Shared>,
    /// Why the inner service is not ready.
    failed: Option<CallError>,
}

impl<S: Clone> Clone for Edge<S> {
    /// A failure belongs to the instance that was asked: a clone begins without.
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            shared: Arc::clone(&self.shared),
            failed: None,
        }
    }
}

impl<S> std::fmt::Debug for Edge<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl<S> Edge<S> {
    /// Puts the surfaces before `service`.
    pub fn new(
        service: S,
        config: EdgeConfig,
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let router = Router::new(&config);
        Self {
            service,
            shared: Arc::new(Shared {
                config,
                directory,
                clock,
                ids,
                router,
            }),
            failed: None,
        }
    }
}

impl<S, B> Service<Request<B>> for Edge<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    type Response = Response<EdgeBody>;
    type Error = Infallible;
    type Future = EdgeFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // We own no resource, so we only forward. A failure becomes the next response.
        self.failed = ready!(self.service.poll_ready(cx)).err();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let begun = Task::begin(Arc::clone(&self.shared), head);
        if let Begun::Respond(response) = begun {
            return EdgeFuture::ready(response);
        }
        // Keep the instance that was polled ready.
        let spare = self.service.clone();
        let rest = Rest {
            service: std::mem::replace(&mut self.service, spare),
            body,
            failed: self.failed.take(),
        };
        let mut task = None;
        let state = State::after(begun, rest, &mut task);
        EdgeFuture { state, task }
    }
}

/// What waits until it is known who calls.
struct Rest<S, B> {
    service: S,
    body: B,
    /// Why the service is not ready.
    failed: Option<CallError>,
}

pin_project! {
    /// The response of an [`Edge`].
    pub struct EdgeFuture<S, B>
    where
        S: Service<Call>,
    {
        #[pin]
        state: State<S, S::Future, B>,
        task: Option<Box<Task>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B> {
        // It is not known yet who calls.
        Waiting { who: Who, rest: Option<Rest<S, B>> },
        // The body is being read; the service waits for the call.
        Reading { #[pin] body: ReadBody<B>, service: Option<S> },
        // The body may be too large to be held; the service waits for the call.
        Gathering { body: Box<Gather<B>>, service: Option<S> },
        // The body is being decompressed; the service waits for the call.
        Unpacking { unpack: Box<Unpack>, service: Option<S> },
        // The call is being answered.
        Calling { #[pin] future: F },
        // A stream that nobody asked for is being gathered.
        Folding { folding: Box<Folding> },
        // The response was known at once.
        Ready { response: Option<Response<EdgeBody>> },
    }
}

impl<S, F, B: Body> State<S, F, B> {
    /// What follows the head of a request. Its task is kept in `slot` until the call is answered.
    fn after(begun: Begun, rest: Rest<S, B>, slot: &mut Option<Box<Task>>) -> Self {
        let mut task = match begun {
            Begun::Respond(response) => {
                return Self::Ready {
                    response: Some(response),
                };
            }
            Begun::Wait(task, who) => {
                *slot = Some(task);
                return Self::Waiting {
                    who,
                    rest: Some(rest),
                };
            }
            Begun::Read(task) => task,
        };
        if let Some(error) = rest.failed {
            return Self::Ready {
                response: Some(task.error(&error)),
            };
        }
        let (bounds, budgets) = (task.bounds, task.budgets());
        let upload = task.is_passed().then(|| task.uploads(&rest.body)).flatten();
        *slot = Some(task);
        if let Some(announced) = upload {
            return Self::Gathering {
                body: Box::new(Gather::new(rest.body, announced, bounds, &budgets)),
                service: Some(rest.service),
            };
        }
        Self::Reading {
            body: ReadBody::new(rest.body, bounds.max_bytes, bounds.timeout, &budgets),
            service: Some(rest.service),
        }
    }
}

impl<S: Service<Call>, B> EdgeFuture<S, B> {
    const fn ready(response: Response<EdgeBody>) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
            task: None,
        }
    }
}

impl<S: Service<Call>, B> std::fmt::Debug for EdgeFuture<S, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgeFuture").finish_non_exhaustive()
    }
}

impl<S, B> Future for EdgeFuture<S, B>
where
    S: Service<Call, Response = Reply, Error = CallError>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    type Output = Result<Response<EdgeBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Waiting { who, rest } => {
                    let outcome = ready!(who.as_mut().poll(cx));
                    let (Some(task), Some(rest)) = (this.task.take(), rest.take()) else {
                        return Poll::Pending;
                    };
                    State::after(task.admitted(outcome), rest, this.task)
                }
                StateProjection::Reading { body, service } => {
                    let Some(task) = this.task.as_mut() else {
                        return Poll::Pending;
                    };
                    let body = ready!(body.poll(&mut **task, cx));
                    after_body(task.take_body(body), service)
                }
                StateProjection::Gathering { body, service } => {
                    let Some(task) = this.task.as_mut() else {
                        return Poll::Pending;
                    };
                    let body = ready!(body.poll(&mut **task, cx));
                    after_body(task.take_gathered(body), service)
                }
                StateProjection::Unpacking { unpack, service } => {
                    let body = ready!(unpack.poll(cx));
                    let Some(task) = this.task.as_mut() else {
                        return Poll::Pending;
                    };
                    after_body(task.take_unpacked(body), service)
                }
                StateProjection::Calling { future } => {
                    let outcome = ready!(future.poll(cx));
                    let Some(task) = this.task.take() else {
                        return Poll::Pending;
                    };
                    match task.outcome(outcome) {
                        Outgoing::Response(response) => State::Ready {
                            response: Some(response),
                        },
                        Outgoing::Fold(folding) => State::Folding { folding },
                    }
                }
                StateProjection::Folding { folding } => State::Ready {
                    response: ready!(folding.poll(cx)),
                },
                StateProjection::Ready { response } => {
                    // Polled again after its end, a future may do as it likes, but for panicking.
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response)),
                        None => Poll::Pending,
                    };
                }
            };
            this.state.set(next);
        }
    }
}

/// What follows a body, by what it turned out to be.
fn after_body<S: Service<Call>, B>(next: Next, service: &mut Option<S>) -> State<S, S::Future, B> {
    match next {
        Next::Call(call) => match service.take() {
            Some(mut service) => State::Calling {
                future: service.call(call),
            },
            // A body is looked at once.
            None => State::Ready { response: None },
        },
        Next::Unpack(unpack) => State::Unpacking {
            unpack,
            service: service.take(),
        },
        Next::Respond(response) => State::Ready {
            response: Some(response),
        },
    }
}
