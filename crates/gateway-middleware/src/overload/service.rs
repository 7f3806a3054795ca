use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::capacity::Capacity;
use super::future::ResponseFuture;

/// Refuses calls when there is too much to do. See the [module](super).
#[derive(Debug, Clone)]
pub struct Shedding<S> {
    inner: S,
    capacity: Capacity,
}

impl<S> Shedding<S> {
    /// Sheds calls of `inner` by `capacity`.
    pub const fn new(inner: S, capacity: Capacity) -> Self {
        Self { inner, capacity }
    }
}

impl<S> Service<Call> for Shedding<S>
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
        match self.capacity.enter() {
            Ok(place) => ResponseFuture::calling(self.inner.call(call), place),
            Err(error) => ResponseFuture::refused(error),
        }
    }
}
