use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gateway_provider::{Reply, ReplyBody};
use gateway_schema::CallError;
use pin_project_lite::pin_project;

use super::body::PlacedStream;
use super::capacity::Place;

pin_project! {
    /// The answer of [`Shedding`](super::Shedding).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        place: Option<Place>,
        refusal: Option<CallError>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(inner: F, place: Place) -> Self {
        Self {
            inner: Some(inner),
            place: Some(place),
            refusal: None,
        }
    }

    pub(super) const fn refused(error: CallError) -> Self {
        Self {
            inner: None,
            place: None,
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
        let place = this.place.take();
        Poll::Ready(outcome.map(|mut reply| {
            match reply.body {
                ReplyBody::Stream(stream) => {
                    reply.body = ReplyBody::Stream(Box::pin(PlacedStream::new(stream, place)));
                }
                ReplyBody::Whole(_) => reply.holds.push(place),
            }
            reply
        }))
    }
}
