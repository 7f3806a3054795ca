use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;

use super::guard::Guard;

/// A stream that settles at its end, at its error, or when it is dropped: the guard does it.
pub(super) struct MeteredStream {
    inner: ReplyStream,
    guard: Box<Guard>,
}

impl MeteredStream {
    pub(super) fn new(inner: ReplyStream, guard: Box<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl Stream for MeteredStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        match &item {
            Some(Ok(frame)) => self.guard.frame(frame),
            Some(Err(error)) => self.guard.failed(error),
            None => self.guard.over(),
        }
        Poll::Ready(item)
    }
}
