use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use std::sync::Arc;

use gateway_provider::{Authenticate, BoxFuture, Call, Principal, Reply};
use gateway_schema::CallError;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::admit;

pin_project! {
    /// The answer of [`Auth`](super::Auth).
    pub struct ResponseFuture<S, F> {
        #[pin]
        state: State<S, F>,
    }
}

/// What goes on once the caller is known: the service, who knows callers, the call.
type Rest<S> = (S, Arc<dyn Authenticate>, Call);

pin_project! {
    #[project = Projection]
    enum State<S, F> {
        // Something is fetched first. Boxed: it happens once in many thousand calls.
        Waiting {
            who: BoxFuture<'static, Result<Principal, CallError>>,
            rest: Option<Rest<S>>,
        },
        Calling { #[pin] future: F },
        Refused { error: Option<CallError> },
    }
}

impl<S, F> ResponseFuture<S, F> {
    pub(super) const fn calling(future: F) -> Self {
        Self {
            state: State::Calling { future },
        }
    }

    pub(super) const fn refused(error: CallError) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }

    pub(super) const fn waiting(
        who: BoxFuture<'static, Result<Principal, CallError>>,
        rest: Rest<S>,
    ) -> Self {
        Self {
            state: State::Waiting {
                who,
                rest: Some(rest),
            },
        }
    }
}

impl<S, F> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, F> Future for ResponseFuture<S, F>
where
    S: Service<Call, Response = Reply, Error = CallError, Future = F>,
    F: Future<Output = Result<Reply, CallError>>,
{
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                Projection::Waiting { who, rest } => {
                    let outcome = ready!(who.as_mut().poll(cx));
                    let Some((mut inner, by, mut call)) = rest.take() else {
                        return Poll::Pending;
                    };
                    match outcome.and_then(|who| admit(&mut call, who, &*by)) {
                        Ok(()) => State::Calling {
                            future: inner.call(call),
                        },
                        Err(error) => State::Refused { error: Some(error) },
                    }
                }
                Projection::Calling { future } => return future.poll(cx),
                Projection::Refused { error } => {
                    return match error.take() {
                        Some(error) => Poll::Ready(Err(error)),
                        None => Poll::Pending,
                    };
                }
            };
            state.set(next);
        }
    }
}
