use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use gateway_store::RecordSink;
use tower_service::Service;

use super::future::ResponseFuture;
use super::guard::Guard;
use super::meter::Meter;

/// Settles every call exactly once. See the [module](super).
#[derive(Clone)]
pub struct Metered<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    /// Wraps `inner`; records go to `sink`.
    pub fn new(inner: S, sink: Arc<dyn RecordSink>) -> Self {
        Self::by(inner, Arc::new(Meter::new(sink)))
    }

    /// Wraps `inner`; calls are metered so.
    pub const fn by(inner: S, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<S: fmt::Debug> fmt::Debug for Metered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for Metered<S>
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
        let guard = Guard::new(Arc::clone(&self.meter), &call);
        ResponseFuture::new(self.inner.call(call), guard)
    }
}
