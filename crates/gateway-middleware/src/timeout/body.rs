use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;
use tokio::time::Sleep;

use super::future::Tried;
use super::policy::Late;

/// A stream with a limit on silence and one on the whole. One timer per stream, moved only when it fires: a frame costs
/// one clock reading. The end of the whole is looked at with each frame, so that a provider that always has one ready
/// does not outrun it.
pub(super) struct TimedStream {
    /// `None` once it was ended by a clock: the provider is let go at once.
    inner: Option<ReplyStream>,
    idle: Duration,
    end: (Instant, Late),
    /// When an event that says something must be there, until one is.
    begin: Option<(Instant, Late)>,
    /// Since when the stream has been waiting for the provider. The caller's own slowness does not count.
    waiting_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
    done: bool,
    /// Nothing was said so far.
    silent: bool,
    tried: Option<Tried>,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl TimedStream {
    pub(super) fn new(
        inner: ReplyStream,
        begin: Option<(Instant, Late)>,
        idle: Duration,
        end: (Instant, Late),
        tried: Option<Tried>,
    ) -> Self {
        Self {
            inner: Some(inner),
            idle,
            end,
            begin,
            waiting_since: None,
            sleep: None,
            ended: false,
            done: false,
            silent: true,
            tried,
        }
    }

    /// Ends it: the provider is let go at once, and the try is recorded as late.
    fn cut(&mut self, late: Late) -> CallError {
        self.done = true;
        self.inner = None;
        let error = late.error();
        if let Some(tried) = &self.tried {
            tried.cut(&error, self.silent);
        }
        error
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
        let Some(inner) = this.inner.as_mut().filter(|_| !this.done) else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(item) = inner.as_mut().poll_next(cx) {
            this.waiting_since = None;
            let (end, late) = this.end;
            if matches!(item, Some(Ok(_))) && !this.ended && now() >= end {
                return Poll::Ready(Some(Err(this.cut(late))));
            }
            match &item {
                Some(Ok(frame)) => {
                    this.ended |= frame.facts.ended;
                    if frame.facts.meaningful {
                        this.begin = None;
                        this.silent = false;
                    }
                }
                Some(Err(_)) | None => this.done = true,
            }
            return Poll::Ready(item);
        }
        let since = *this.waiting_since.get_or_insert_with(now);
        let (until, late) = this.limit(since);
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if sleep.deadline().into_std() >= until {
                // Whatever a provider does after its terminator, the answer is complete.
                if this.ended {
                    this.done = true;
                    return Poll::Ready(None);
                }
                return Poll::Ready(Some(Err(this.cut(late))));
            }
            sleep.as_mut().reset(until.into());
        }
    }
}
