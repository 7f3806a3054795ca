use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use gateway_provider::{Call, Journal, Reply, ReplyBody};
use gateway_schema::{CallError, Retry};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::body::TimedStream;
use super::policy::Late;

pin_project! {
    /// The answer of [`Timeout`](super::Timeout).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // `None`: it came too late to be asked.
        #[pin]
        inner: Option<F>,
        refusal: Option<CallError>,
        #[pin]
        sleep: Sleep,
        late: Late,
        // By when a stream that has begun must say something.
        begin: Option<(Instant, Late)>,
        stream_limits: (Duration, (Instant, Late)),
        // What is late may have been done: whether it may be asked again all the same.
        again: bool,
        tried: Option<Tried>,
    }
}

/// Where a try that is ended by a clock is recorded.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    journal: Journal,
    /// When the call arrived.
    started: Instant,
}

impl Tried {
    pub(super) fn of(call: &Call) -> Self {
        Self {
            journal: call.context.journal.clone(),
            started: call.context.started,
        }
    }

    /// The answer had begun, and ends with `error`; `silent` when it had not said anything yet.
    pub(super) fn cut(&self, error: &CallError, silent: bool) {
        let now = tokio::time::Instant::now().into_std();
        let since = self.journal.notes().attempts.last().map(|last| last.since);
        let begun = since.map(|since| self.started + since);
        let duration = begun.filter(|_| silent);
        let duration = duration.map(|begun| now.saturating_duration_since(begun));
        self.journal.fail_last(error, duration);
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(
        inner: F,
        (by, late): (Instant, Late),
        stream_limits: (Duration, (Instant, Late)),
        (again, holds_back): (bool, bool),
        tried: Tried,
    ) -> Self {
        Self {
            inner: Some(inner),
            refusal: None,
            sleep: tokio::time::sleep_until(by.into()),
            late,
            begin: (!holds_back).then_some((by, late)),
            stream_limits,
            again,
            tried: Some(tried),
        }
    }

    pub(super) fn refused(error: CallError) -> Self {
        let now = tokio::time::Instant::now();
        Self {
            inner: None,
            refusal: Some(error),
            sleep: tokio::time::sleep_until(now),
            late: Late::Deadline,
            begin: None,
            stream_limits: (Duration::ZERO, (now.into_std(), Late::Deadline)),
            again: false,
            tried: None,
        }
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for ResponseFuture<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return this
                .refusal
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        };
        // The work before the clock: a reply that is ready wins over a timer that is due.
        if let Poll::Ready(outcome) = inner.poll(cx) {
            return Poll::Ready(outcome.map(|mut reply| {
                if let ReplyBody::Stream(stream) = reply.body {
                    reply.body = ReplyBody::Stream(Box::pin({
                        let (idle, end) = *this.stream_limits;
                        TimedStream::new(stream, *this.begin, idle, end, this.tried.take())
                    }));
                }
                reply
            }));
        }
        ready!(this.sleep.poll(cx));
        let error = match this.again {
            true => this.late.error(),
            false => this.late.error().with_retry(Retry::Never),
        };
        // The try is over, and recorded, before anybody hears of it.
        match this.tried.take() {
            Some(tried) => tried.journal.abandon(&error, || this.inner.set(None)),
            None => this.inner.set(None),
        }
        Poll::Ready(Err(error))
    }
}
