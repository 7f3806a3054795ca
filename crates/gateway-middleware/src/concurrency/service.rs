use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use gateway_provider::{Call, Reply};
use gateway_schema::{CallError, ErrorKind, Retry};
use tokio::sync::Semaphore;
use tower_service::Service;

use super::future::ResponseFuture;

/// The places at one target. Clones share them; they may outlive a plan.
#[derive(Debug, Clone)]
pub struct Places(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) semaphore: Arc<Semaphore>,
    pub(super) waiting: AtomicUsize,
    pub(super) queue: usize,
}

impl Places {
    /// So many calls at the same time, and as many more in line as `queue` says.
    pub fn new(places: usize, queue: usize) -> Self {
        Self(Arc::new(Shared {
            semaphore: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            queue,
        }))
    }

    /// Calls in line.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }
}

/// Finds [`Places`] again while a call has one or waits for one.
#[derive(Debug, Clone)]
pub struct WeakPlaces {
    shared: Weak<Shared>,
    /// A call that has its place holds nothing else.
    semaphore: Weak<Semaphore>,
    queue: usize,
}

impl crate::WeakState for Places {
    type Weak = WeakPlaces;

    fn downgrade(&self) -> WeakPlaces {
        WeakPlaces {
            shared: Arc::downgrade(&self.0),
            semaphore: Arc::downgrade(&self.0.semaphore),
            queue: self.0.queue,
        }
    }

    fn upgrade(weak: &WeakPlaces) -> Option<Self> {
        if let Some(shared) = weak.shared.upgrade() {
            return Some(Self(shared));
        }
        // Nobody waits, or somebody would hold the rest.
        Some(Self(Arc::new(Shared {
            semaphore: weak.semaphore.upgrade()?,
            waiting: AtomicUsize::new(0),
            queue: weak.queue,
        })))
    }
}

/// Bounds calls at the same time. See the [module](super).
#[derive(Debug, Clone)]
pub struct ConcurrencyLimited<S> {
    inner: S,
    places: Option<Places>,
}

impl<S> ConcurrencyLimited<S> {
    /// Bounds `inner` by `places`; without them everything passes.
    pub const fn new(inner: S, places: Option<Places>) -> Self {
        Self { inner, places }
    }
}

impl<S> Service<Call> for ConcurrencyLimited<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    type Response = Reply;
    type Error = CallError;
    type Future = ResponseFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // The line is per call and inside its future: waiting here would make others wait behind a buffer.
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let Some(places) = &self.places else {
            return ResponseFuture::calling(self.inner.call(call), None);
        };
        if let Ok(place) = Arc::clone(&places.0.semaphore).try_acquire_owned() {
            return ResponseFuture::calling(self.inner.call(call), Some(place));
        }
        if places.waiting() >= places.0.queue {
            return ResponseFuture::refused(full());
        }
        let spare = self.inner.clone();
        // Keep the instance that was polled ready.
        let ready = std::mem::replace(&mut self.inner, spare);
        ResponseFuture::waiting(places, ready, call)
    }
}

pub(super) fn full() -> CallError {
    CallError::gateway(
        ErrorKind::Unavailable,
        "Too many calls to this provider are under way, and the line is full. Try again soon.",
    )
    .with_code("concurrency_limit")
    .with_retry(Retry::Elsewhere)
    .with_retry_after(std::time::Duration::from_secs(1))
}

/// A deadline holds in line, too.
pub(super) fn late() -> CallError {
    CallError::gateway(
        ErrorKind::Timeout,
        "The request's deadline passed while it waited for a place at the provider.",
    )
    .with_code("deadline_exceeded")
}
