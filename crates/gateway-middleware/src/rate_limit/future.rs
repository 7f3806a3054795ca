use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gateway_provider::{BoxFuture, Call, Reply, ReplyBody};
use gateway_schema::CallError;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::LimitedStream;
use super::reservation::{Borrowed, Reservation, Wanted};

pin_project! {
    /// The answer of [`RateLimited`](super::RateLimited).
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        // A rule refuses.
        Refused { error: Option<CallError> },
        // The shared store is asked for more. Boxed: only a share that is used up comes here.
        Borrowing {
            borrowed: BoxFuture<'static, Borrowed>,
            waiting: Option<(Call, S)>,
        },
        // The call is being answered.
        Calling { #[pin] future: F, reservation: Option<Box<Reservation>> },
    }
}

impl<S, F> ResponseFuture<S, F> {
    pub(super) fn calling(future: F, reservation: Option<Box<Reservation>>) -> Self {
        Self {
            state: State::Calling {
                future,
                reservation,
            },
        }
    }

    pub(super) fn refused(error: CallError) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }

    pub(super) fn borrowing(wanted: Wanted, call: Call, service: S) -> Self {
        Self {
            state: State::Borrowing {
                borrowed: Box::pin(wanted.take_by_borrowing()),
                waiting: Some((call, service)),
            },
        }
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S> Future for ResponseFuture<S, S::Future>
where
    S: Service<Call, Response = Reply, Error = CallError>,
{
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Refused { error } => {
                    return error
                        .take()
                        .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                StateProjection::Borrowing { borrowed, waiting } => {
                    let (outcome, notes) = ready!(borrowed.as_mut().poll(cx));
                    let Some((call, mut service)) = waiting.take() else {
                        return Poll::Pending;
                    };
                    call.context.journal.notes().limits.extend(notes);
                    match outcome {
                        Err(error) => return Poll::Ready(Err(error)),
                        Ok(reservation) => State::Calling {
                            future: service.call(call),
                            reservation: Some(reservation),
                        },
                    }
                }
                StateProjection::Calling {
                    future,
                    reservation,
                } => {
                    let outcome = ready!(future.poll(cx));
                    return Poll::Ready(settle(outcome, reservation.take()));
                }
            };
            this.state.set(next);
        }
    }
}

/// Hands the reservation to the stream, or settles it.
fn settle(
    outcome: Result<Reply, CallError>,
    reservation: Option<Box<Reservation>>,
) -> Result<Reply, CallError> {
    let mut reply = outcome?;
    let Some(mut reservation) = reservation else {
        return Ok(reply);
    };
    reservation.tally.answered();
    match reply.body {
        ReplyBody::Whole(ref whole) => {
            reservation.tally.whole(whole);
            reply.holds.push(reservation);
        }
        ReplyBody::Stream(stream) => {
            reply.body = ReplyBody::Stream(Box::pin(LimitedStream::new(stream, reservation)));
        }
    }
    Ok(reply)
}
