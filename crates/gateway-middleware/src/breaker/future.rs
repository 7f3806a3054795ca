use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gateway_provider::{Reply, ReplyBody};
use gateway_schema::CallError;
use pin_project_lite::pin_project;

use super::body::WatchedStream;
use super::policy::{BreakerConfig, Verdict, verdict};
use super::state::{BreakerState, Probe};

pin_project! {
    /// The answer of [`Breaking`](super::Breaking).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        watch: Option<Watch>,
        refusal: Option<CallError>,
    }
}

/// What the outcome is told to.
#[derive(Debug)]
pub(super) struct Watch {
    config: BreakerConfig,
    state: BreakerState,
    probe: Option<Probe>,
}

impl Watch {
    pub(super) fn learn(&mut self, error: &CallError) {
        match verdict(error) {
            Verdict::Works => self.state.works(),
            Verdict::Failed => self.state.failed(&self.config),
            Verdict::Limited(wait) => self.state.rest(wait.min(self.config.max_cooldown)),
            Verdict::Nothing => {}
        }
        self.probe = None;
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn unwatched(inner: F) -> Self {
        Self {
            inner: Some(inner),
            watch: None,
            refusal: None,
        }
    }

    pub(super) fn watched(
        inner: F,
        config: BreakerConfig,
        state: BreakerState,
        probe: Option<Probe>,
    ) -> Self {
        Self {
            inner: Some(inner),
            watch: Some(Watch {
                config,
                state,
                probe,
            }),
            refusal: None,
        }
    }

    pub(super) fn refused(error: CallError) -> Self {
        Self {
            inner: None,
            watch: None,
            refusal: Some(error),
        }
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for ResponseFuture<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return this
                .refusal
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        };
        let outcome = ready!(inner.poll(cx));
        let Some(mut watch) = this.watch.take() else {
            return Poll::Ready(outcome);
        };
        Poll::Ready(match outcome {
            Err(error) => {
                watch.learn(&error);
                Err(error)
            }
            Ok(mut reply) => {
                watch.state.works();
                watch.probe = None;
                if let ReplyBody::Stream(stream) = reply.body {
                    reply.body = ReplyBody::Stream(Box::pin(WatchedStream::new(stream, watch)));
                }
                Ok(reply)
            }
        })
    }
}
