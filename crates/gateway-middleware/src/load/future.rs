use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gateway_provider::{Call, Reply, ReplyBody};
use gateway_schema::{CallError, Operation};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::body::ObservedStream;
use super::state::Load;
use crate::breaker::{Verdict, verdict};
use crate::fallback::Rest;

pin_project! {
    /// The answer of [`Observed`](super::Observed).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        visit: Option<Visit>,
        rest: Option<Rest>,
    }
}

/// One call at a target, from its beginning to the end of its answer.
#[derive(Debug)]
pub(super) struct Visit {
    load: Load,
    began: Instant,
    stream: bool,
    /// The time to the answer is not yet known, and will say something.
    timed: bool,
}

impl Visit {
    pub(super) fn new(load: &Load, call: &Call) -> Self {
        load.enter();
        Self {
            load: load.clone(),
            began: Instant::now(),
            stream: call.stream,
            // Counting tokens is quick everywhere, and a foreign path may be anything.
            timed: !matches!(call.operation, Operation::CountTokens | Operation::Proxy),
        }
    }

    fn learn(&mut self, outcome: Result<(), &CallError>) {
        if !std::mem::take(&mut self.timed) {
            return;
        }
        let after = self.began.elapsed();
        match outcome.map_err(verdict) {
            Ok(()) => self.load.answered(self.stream, after),
            Err(Verdict::Failed) => self.load.failed(self.stream, after),
            Err(_) => {}
        }
    }

    /// The stream broke.
    pub(super) fn broke(&self, error: &CallError) {
        if verdict(error) == Verdict::Failed {
            self.load.failed(self.stream, std::time::Duration::ZERO);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.load.leave();
        if self.timed {
            self.load.abandoned(self.stream, self.began.elapsed());
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, visit: Option<Visit>, rest: Option<Rest>) -> Self {
        Self { inner, visit, rest }
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for ResponseFuture<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut outcome = ready!(this.inner.poll(cx));
        if let Some(rest) = this.rest {
            rest.learn(outcome.as_ref().err());
        }
        if let Some(mut visit) = this.visit.take() {
            visit.learn(outcome.as_ref().map(|_| ()));
            outcome = outcome.map(|mut reply| {
                if let ReplyBody::Stream(stream) = reply.body {
                    reply.body = ReplyBody::Stream(Box::pin(ObservedStream::new(stream, visit)));
                }
                reply
            });
        }
        Poll::Ready(outcome)
    }
}
