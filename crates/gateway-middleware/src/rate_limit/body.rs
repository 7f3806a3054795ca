use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use gateway_provider::ReplyStream;
use gateway_schema::CallError;
use gateway_schema::stream::Frame;

use super::reservation::Reservation;

/// A stream that holds its reservation until it is over or dropped.
pub(super) struct LimitedStream {
    inner: ReplyStream,
    reservation: Option<Box<Reservation>>,
}

impl LimitedStream {
    pub(super) fn new(inner: ReplyStream, reservation: Box<Reservation>) -> Self {
        Self {
            inner,
            reservation: Some(reservation),
        }
    }
}

impl Stream for LimitedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        match (&item, &mut self.reservation) {
            (Some(Ok(frame)), Some(reservation)) => reservation.tally.frame(frame),
            // Over: what was held is free for the next caller before the connection is.
            (None | Some(Err(_)), _) => self.reservation = None,
            (Some(Ok(_)), None) => {}
        }
        Poll::Ready(item)
    }
}
