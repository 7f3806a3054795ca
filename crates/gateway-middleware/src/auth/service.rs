use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_provider::{Access, Admission, Authenticate, Call, Principal, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::future::ResponseFuture;

/// Lets callers ask only what they may. See the [module](super).
#[derive(Clone)]
pub struct Auth<S> {
    inner: S,
    authenticate: Option<Arc<dyn Authenticate>>,
}

impl<S> Auth<S> {
    /// Wraps `inner`; without somebody to ask, every call passes.
    pub fn new(inner: S, authenticate: Option<Arc<dyn Authenticate>>) -> Self {
        Self {
            inner,
            authenticate,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Auth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// Notes who calls, and decides whether this endpoint is for them. The credential has done its work and is forgotten.
pub(super) fn admit(
    call: &mut Call,
    principal: Principal,
    by: &dyn Authenticate,
) -> Result<(), CallError> {
    call.context.presented = None;
    by.permit(&principal, call.context.endpoint.as_str())?;
    call.context.journal.notes().principal = Some(principal.clone());
    call.context.principal = principal;
    Ok(())
}

impl<S> Service<Call> for Auth<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let Some(authenticate) = &self.authenticate else {
            return ResponseFuture::calling(self.inner.call(call));
        };
        let context = &call.context;
        if context.permitted {
            // Decided once, by the plan that the request began with.
            return ResponseFuture::calling(self.inner.call(call));
        }
        if context.principal.access != Access::Unchecked {
            return match authenticate.permit(&context.principal, context.endpoint.as_str()) {
                Ok(()) => ResponseFuture::calling(self.inner.call(call)),
                Err(error) => ResponseFuture::refused(error),
            };
        }
        match authenticate.authenticate(context.presented.as_ref()) {
            Admission::Ready(outcome) => {
                match outcome.and_then(|who| admit(&mut call, who, &**authenticate)) {
                    Ok(()) => ResponseFuture::calling(self.inner.call(call)),
                    Err(error) => ResponseFuture::refused(error),
                }
            }
            Admission::Waiting(future) => {
                // Keep the instance that was polled ready.
                let spare = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, spare);
                let by = Arc::clone(authenticate);
                ResponseFuture::waiting(future, (ready, by, call))
            }
        }
    }
}
