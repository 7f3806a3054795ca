use std::task::{Context, Poll};
use std::time::Instant;

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::future::ResponseFuture;
use super::policy::{TimeoutConfig, answer_by, end_by};

/// Ends calls that take too long. See the [module](super).
#[derive(Debug, Clone)]
pub struct Timeout<S> {
    inner: S,
    config: TimeoutConfig,
}

impl<S> Timeout<S> {
    /// Wraps `inner`.
    pub const fn new(inner: S, config: TimeoutConfig) -> Self {
        Self { inner, config }
    }
}

impl<S> Service<Call> for Timeout<S>
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
        let now = Instant::now();
        let (by, late) = answer_by(&self.config, call.stream, now, call.context.deadline);
        let end = end_by(&self.config, now, call.context.deadline);
        let limits = (self.config.idle, end);
        let again = call.payload.is_repeatable();
        ResponseFuture::new(self.inner.call(call), (by, late), limits, again)
    }
}
