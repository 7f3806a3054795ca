use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gateway_provider::{Reply, ReplyBody};
use gateway_schema::{CallError, Retry};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::body::TimedStream;
use super::policy::Late;

pin_project! {
    /// The answer of [`Timeout`](super::Timeout).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Sleep,
        late: Late,
        stream_limits: (Duration, (Instant, Late)),
        // What is late may have been done: whether it may be asked again all the same.
        again: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(
        inner: F,
        (by, late): (Instant, Late),
        stream_limits: (Duration, (Instant, Late)),
        again: bool,
    ) -> Self {
        Self {
            inner,
            sleep: tokio::time::sleep_until(by.into()),
            late,
            stream_limits,
            again,
        }
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for ResponseFuture<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // The work before the clock: a reply that is ready wins over a timer that is due.
        if let Poll::Ready(outcome) = this.inner.poll(cx) {
            return Poll::Ready(outcome.map(|mut reply| {
                if let ReplyBody::Stream(stream) = reply.body {
                    reply.body = ReplyBody::Stream(Box::pin({
                        let (idle, end) = *this.stream_limits;
                        TimedStream::new(stream, idle, end)
                    }));
                }
                reply
            }));
        }
        match this.sleep.poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(match this.again {
                true => this.late.error(),
                false => this.late.error().with_retry(Retry::Never),
            })),
            Poll::Pending => Poll::Pending,
        }
    }
}
