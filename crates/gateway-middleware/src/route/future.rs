use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::policy::Set;
use super::service::Shared;
use crate::fallback::leads_elsewhere;
use crate::remaining;

pin_project! {
    /// The answer of [`Routed`](super::Routed).
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
        spare: Option<Box<Spare<S>>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Refused { error: Option<CallError> },
        Waiting { to: Option<(S, Call)> },
        Calling { #[pin] future: F },
    }
}

/// What another destination is asked with when one fails.
pub(super) struct Spare<S> {
    shared: Arc<Shared<S>>,
    call: Call,
    tried: Set,
    /// The refusal of an earlier destination that is over soonest.
    refusal: Option<CallError>,
}

impl<S> Spare<S> {
    pub(super) fn new(shared: Arc<Shared<S>>, call: Call, first: usize) -> Self {
        Self {
            shared,
            call,
            tried: Set::default().with(first),
            refusal: None,
        }
    }
}

impl<S: Clone> Spare<S> {
    /// Another destination with the call for it, or the error that the caller is told.
    fn next(&mut self, error: CallError) -> Result<(S, Call), CallError> {
        let late = remaining(self.call.context.deadline).is_some_and(|left| left.is_zero());
        if late || !leads_elsewhere(&error) {
            return Err(error);
        }
        let error = sooner(self.refusal.take(), error);
        let Some(number) = self.shared.best(&self.call, self.tried) else {
            return Err(error);
        };
        self.tried = self.tried.with(number);
        let mut call = self.call.again();
        // What the limits of the other destination said is not about this one.
        call.context.journal.notes().limits.clear();
        let why = self.shared.failover();
        match self.shared.send(number, why, &mut call) {
            Some(service) => {
                self.refusal = Some(error);
                Ok((service, call))
            }
            None => Err(error),
        }
    }
}

/// Of two failures the one that says it is over sooner; the later one if they do not both say.
fn sooner(earlier: Option<CallError>, later: CallError) -> CallError {
    match earlier {
        Some(earlier)
            if earlier
                .retry_after()
                .zip(later.retry_after())
                .is_some_and(|(one, other)| one < other) =>
        {
            earlier
        }
        _ => later,
    }
}

impl<S, F> ResponseFuture<S, F> {
    pub(super) const fn refused(error: CallError) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
            spare: None,
        }
    }

    pub(super) fn to(service: S, call: Call, spare: Option<Spare<S>>) -> Self {
        Self {
            state: State::Waiting {
                to: Some((service, call)),
            },
            spare: spare.map(Box::new),
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
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let outcome = match this.state.as_mut().project() {
                StateProjection::Refused { error } => {
                    return error
                        .take()
                        .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                StateProjection::Waiting { to } => {
                    let Some((service, _)) = to else {
                        return Poll::Pending;
                    };
                    let ready = ready!(service.poll_ready(cx));
                    match (ready, to.take()) {
                        (Ok(()), Some((mut service, call))) => {
                            let future = service.call(call);
                            this.state.set(State::Calling { future });
                            continue;
                        }
                        (Ok(()), None) => return Poll::Pending,
                        (Err(error), _) => Err(error),
                    }
                }
                StateProjection::Calling { future } => ready!(future.poll(cx)),
            };
            let error = match (outcome, this.spare.is_some()) {
                (Err(error), true) => error,
                (outcome, _) => return Poll::Ready(outcome),
            };
            let Some(spare) = this.spare.as_mut() else {
                return Poll::Ready(Err(error));
            };
            let to = spare.next(error)?;
            this.state.set(State::Waiting { to: Some(to) });
        }
    }
}
