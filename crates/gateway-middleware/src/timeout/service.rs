use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::future::{ResponseFuture, Tried};
use super::policy::{TimeoutConfig, Wish, answer_by, end_by};

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
        let now = tokio::time::Instant::now().into_std();
        let wish = Wish::of(&call);
        let (by, late) = answer_by(&self.config, call.stream, now, wish);
        let end = end_by(&self.config, now, wish);
        if by <= now {
            // Nothing is sent that nobody waits for.
            return ResponseFuture::refused(late.before_asking());
        }
        let limits = (self.config.idle, end);
        let again = call.payload.is_repeatable();
        let holds_back = call.context.may_ask_again;
        let tried = Tried::of(&call);
        let inner = self.inner.call(call);
        ResponseFuture::new(inner, (by, late), limits, (again, holds_back), tried)
    }
}
