use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use gateway_provider::{BoxFuture, Call, Reply, ReplyBody};
use gateway_schema::CallError;
use pin_project_lite::pin_project;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::timeout_at;
use tower_service::Service;

use super::body::HeldStream;
use super::service::{Places, full, late};

type Acquired = Result<Result<OwnedSemaphorePermit, AcquireError>, Elapsed>;

pin_project! {
    /// The answer of [`ConcurrencyLimited`](super::ConcurrencyLimited).
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Refused { error: Option<CallError> },
        // Boxed: only calls that must wait come here.
        Waiting { place: BoxFuture<'static, Acquired>, in_line: Option<(InLine, S, Call)> },
        Calling { #[pin] future: F, place: Option<OwnedSemaphorePermit> },
    }
}

/// Counts one call in line for as long as it lives.
struct InLine(Places);

impl Drop for InLine {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S, F> ResponseFuture<S, F> {
    pub(super) fn calling(future: F, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            state: State::Calling { future, place },
        }
    }

    pub(super) fn refused(error: CallError) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }

    pub(super) fn waiting(places: &Places, service: S, call: Call) -> Self {
        places.0.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Arc::clone(&places.0.semaphore).acquire_owned();
        let deadline = call.answer_by();
        Self {
            state: State::Waiting {
                place: match deadline {
                    Some(deadline) => Box::pin(timeout_at(deadline.into(), place)),
                    None => Box::pin(async { Ok(place.await) }),
                },
                in_line: Some((InLine(places.clone()), service, call)),
            },
        }
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S> Future for ResponseFuture<S, S::Future>
where
    S: Service<Call, Response = Reply, Error = CallError>,
{
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Refused { error } => {
                    return error
                        .take()
                        .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                StateProjection::Waiting { place, in_line } => {
                    let place = ready!(place.as_mut().poll(cx));
                    let Some((_, mut service, call)) = in_line.take() else {
                        return Poll::Pending;
                    };
                    let place = match place {
                        Ok(Ok(place)) => place,
                        Ok(Err(_)) => return Poll::Ready(Err(full())),
                        Err(_) => return Poll::Ready(Err(late())),
                    };
                    State::Calling {
                        future: service.call(call),
                        place: Some(place),
                    }
                }
                StateProjection::Calling { future, place } => {
                    let mut reply = ready!(future.poll(cx))?;
                    if let Some(place) = place.take() {
                        match reply.body {
                            ReplyBody::Stream(stream) => {
                                let held = HeldStream::new(stream, place);
                                reply.body = ReplyBody::Stream(Box::pin(held));
                            }
                            ReplyBody::Whole(_) => reply.holds.push(place),
                        }
                    }
                    return Poll::Ready(Ok(reply));
                }
            };
            this.state.set(next);
        }
    }
}
