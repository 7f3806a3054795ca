use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;
use tokio::time::Sleep;

use super::policy::Late;

/// A stream with a limit on silence. One timer per stream, moved only when it fires: a frame costs one clock reading.
pub(super) struct TimedStream {
    inner: ReplyStream,
    idle: Duration,
    end: (Instant, Late),
    /// When an event that says something must be there, until one is.
    begin: Option<(Instant, Late)>,
    /// Since when the stream has been waiting for the provider. The caller's own slowness does not count.
    waiting_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
    done: bool,
}

impl TimedStream {
    pub(super) fn new(
        inner: ReplyStream,
        begin: Option<(Instant, Late)>,
        idle: Duration,
        end: (Instant, Late),
    ) -> Self {
        Self {
            inner,
            idle,
            end,
            begin,
            waiting_since: None,
            sleep: None,
            ended: false,
            done: false,
        }
    }

    /// When the wait that began at `since` is over, and what is late then.
    fn limit(&self, since: Instant) -> (Instant, Late) {
        let idle = (since + self.idle, Late::Idle(self.idle));
        let bounds = [Some(idle), Some(self.end), self.begin];
        let first = bounds.into_iter().flatten().min_by_key(|bound| bound.0);
        first.unwrap_or(idle)
    }
}

impl Stream for TimedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        if let Poll::Ready(item) = this.inner.as_mut().poll_next(cx) {
            this.waiting_since = None;
            match &item {
                Some(Ok(frame)) => {
                    this.ended |= frame.facts.ended;
                    if frame.facts.meaningful {
                        this.begin = None;
                    }
                }
                Some(Err(_)) | None => this.done = true,
            }
            return Poll::Ready(item);
        }
        let since = *this
            .waiting_since
            .get_or_insert_with(|| tokio::time::Instant::now().into_std());
        let (until, late) = this.limit(since);
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if sleep.deadline().into_std() >= until {
                this.done = true;
                // Whatever a provider does after its terminator, the answer is complete.
                return Poll::Ready((!this.ended).then(|| Err(late.error())));
            }
            sleep.as_mut().reset(until.into());
        }
    }
}
