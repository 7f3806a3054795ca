use std::task::{Context, Poll};
use std::time::Duration;

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

/// Bounds a call with everything that is tried for it: sets its deadline, unless the caller's is earlier. It stands above
/// retries and fallbacks, which keep within the deadline; [`Timeout`](super::Timeout) below them enforces it.
#[derive(Debug, Clone)]
pub struct Overall<S> {
    inner: S,
    total: Duration,
}

impl<S> Overall<S> {
    /// Gives calls of `inner` so long in all.
    pub const fn new(inner: S, total: Duration) -> Self {
        Self { inner, total }
    }
}

impl<S> Service<Call> for Overall<S>
where
    S: Service<Call, Response = Reply, Error = CallError>,
{
    type Response = Reply;
    type Error = CallError;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> S::Future {
        let own = (tokio::time::Instant::now() + self.total).into_std();
        let context = &mut call.context;
        if context.deadline.is_none_or(|deadline| own < deadline) {
            context.deadline = Some(own);
            context.total = Some(self.total);
        }
        context.journal.notes().deadline = context.deadline;
        self.inner.call(call)
    }
}
