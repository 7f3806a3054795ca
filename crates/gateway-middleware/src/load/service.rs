use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::future::{ResponseFuture, Visit};
use super::state::Load;
use crate::fallback::Rest;

/// Watches how a target does. See the [module](super).
#[derive(Debug, Clone)]
pub struct Observed<S> {
    inner: S,
    load: Option<Load>,
    rest: Option<Rest>,
}

impl<S> Observed<S> {
    /// Wraps `inner`; nothing is watched yet, and everything passes as it is.
    pub const fn new(inner: S) -> Self {
        Self {
            inner,
            load: None,
            rest: None,
        }
    }

    /// Keeps in `load` what is under way and how long it takes.
    pub fn with_load(mut self, load: Load) -> Self {
        self.load = Some(load);
        self
    }

    /// Lets `rest` rest when the target rejects its key, or is limited.
    pub fn with_rest(mut self, rest: Rest) -> Self {
        self.rest = Some(rest);
        self
    }
}

impl<S> Service<Call> for Observed<S>
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
        let visit = self.load.as_ref().map(|load| Visit::new(load, &call));
        ResponseFuture::new(self.inner.call(call), visit, self.rest.clone())
    }
}
