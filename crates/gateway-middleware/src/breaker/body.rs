use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;

use super::future::Watch;

/// A stream whose breaking off counts as a fault.
pub(super) struct WatchedStream {
    inner: ReplyStream,
    watch: Watch,
}

impl WatchedStream {
    pub(super) fn new(inner: ReplyStream, watch: Watch) -> Self {
        Self { inner, watch }
    }
}

impl Stream for WatchedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        if let Some(Err(error)) = &item {
            self.watch.learn(error);
        }
        Poll::Ready(item)
    }
}
