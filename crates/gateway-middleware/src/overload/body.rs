use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;

use super::capacity::Place;

/// A stream that keeps its place until it is over or dropped.
pub(super) struct PlacedStream {
    inner: ReplyStream,
    place: Option<Place>,
}

impl PlacedStream {
    pub(super) const fn new(inner: ReplyStream, place: Option<Place>) -> Self {
        Self { inner, place }
    }
}

impl Stream for PlacedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.place = None;
        }
        Poll::Ready(item)
    }
}
