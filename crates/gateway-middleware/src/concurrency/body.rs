use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;
use tokio::sync::OwnedSemaphorePermit;

/// A stream that holds its place until it is over or dropped.
pub(super) struct HeldStream {
    inner: ReplyStream,
    place: Option<OwnedSemaphorePermit>,
}

impl HeldStream {
    pub(super) fn new(inner: ReplyStream, place: OwnedSemaphorePermit) -> Self {
        Self {
            inner,
            place: Some(place),
        }
    }
}

impl Stream for HeldStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.place = None;
        }
        Poll::Ready(item)
    }
}
