use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::future::ResponseFuture;
use super::policy::{BreakerConfig, refusal};
use super::state::{Admission, BreakerState};

/// Leaves a target alone that fails. See the [module](super).
#[derive(Debug, Clone)]
pub struct Breaking<S> {
    inner: S,
    watch: Option<(BreakerConfig, BreakerState)>,
}

impl<S> Breaking<S> {
    /// Watches `inner`.
    pub const fn new(inner: S, config: BreakerConfig, state: BreakerState) -> Self {
        Self {
            inner,
            watch: Some((config, state)),
        }
    }

    /// Lets everything pass, for targets without a breaker.
    pub const fn never(inner: S) -> Self {
        Self { inner, watch: None }
    }
}

impl<S> Service<Call> for Breaking<S>
where
    S: Service<Call, Response = Reply, Error = CallError>,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let Some((config, state)) = &self.watch else {
            return ResponseFuture::unwatched(self.inner.call(call));
        };
        let probe = match state.admit() {
            Admission::Pass => None,
            Admission::Probe(probe) => Some(probe),
            Admission::Refused(wait) => return ResponseFuture::refused(refusal(wait)),
        };
        ResponseFuture::watched(self.inner.call(call), *config, state.clone(), probe)
    }
}
