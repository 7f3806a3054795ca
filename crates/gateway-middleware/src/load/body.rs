use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;

use super::future::Visit;

/// A stream that is under way until it is over or dropped.
pub(super) struct ObservedStream {
    inner: ReplyStream,
    visit: Option<Visit>,
}

impl ObservedStream {
    pub(super) fn new(inner: ReplyStream, visit: Visit) -> Self {
        Self {
            inner,
            visit: Some(visit),
        }
    }
}

impl Stream for ObservedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        match &item {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                if let Some(visit) = self.visit.take() {
                    visit.broke(error);
                }
            }
            None => self.visit = None,
        }
        Poll::Ready(item)
    }
}
