use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gateway_provider::{Reply, ReplyBody};
use gateway_schema::CallError;
use pin_project_lite::pin_project;

use super::body::MeteredStream;
use super::guard::Guard;

pin_project! {
    /// The answer of [`Metered`](super::Metered).
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // Moves into the stream; what is left here when the future is dropped settles as cancelled.
        guard: Option<Box<Guard>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, guard: Guard) -> Self {
        Self {
            inner,
            guard: Some(Box::new(guard)),
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for ResponseFuture<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(cx));
        let Some(mut guard) = this.guard.take() else {
            return Poll::Ready(outcome);
        };
        Poll::Ready(match outcome {
            Err(error) => {
                guard.failed(&error);
                Err(error)
            }
            Ok(mut reply) => {
                guard.answered(&reply);
                match reply.body {
                    ReplyBody::Whole(ref whole) => {
                        guard.whole(whole);
                        if let Some(flight) = guard.take_flight() {
                            reply.holds.push(flight);
                        }
                    }
                    ReplyBody::Stream(stream) => {
                        reply.body = ReplyBody::Stream(Box::pin(MeteredStream::new(stream, guard)));
                    }
                }
                Ok(reply)
            }
        })
    }
}
