//! A clock for whatever a task polls, which runs whether or not the task does anything.
//!
//! hyper polls the body of an answer only when its client reads. What must end in time can therefore not be left to the
//! body: the body states by when it must be over, and the task that hyper runs in (the connection's for HTTP/1, the
//! stream's for HTTP/2) is ended then, and with it body, provider's stream and places.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;

tokio::task_local! {
    static CURRENT: Clock;
}

/// When what a task polls must be over. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<Mutex<Option<Instant>>>);

impl Clock {
    /// The clock of the task that is being polled.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Sets when it must be over.
    pub(super) fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// A future that is dropped when its clock says so.
    pub(super) struct Watched<F> {
        #[pin]
        inner: Option<F>,
        clock: Clock,
        // Moved only when it fires too early or would fire too late.
        sleep: Option<Pin<Box<Sleep>>>,
        // The connection that ends with it.
        activity: Option<Activity>,
    }
}

impl<F> Watched<F> {
    /// Watches a task.
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner: Some(inner),
            clock: Clock::default(),
            sleep: None,
            activity: None,
        }
    }

    /// Lets a connection end with it.
    pub(super) fn of_connection(mut self, activity: Activity) -> Self {
        self.activity = Some(activity);
        self
    }

    /// What is watched, unless it is over.
    pub(super) fn inner(self: Pin<&mut Self>) -> Option<Pin<&mut F>> {
        self.project().inner.as_pin_mut()
    }
}

impl<F: Future> Future for Watched<F> {
    /// `None` when its time was over.
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let outcome = CURRENT.sync_scope(this.clock.clone(), || inner.poll(cx));
        if let Poll::Ready(outcome) = outcome {
            return Poll::Ready(Some(outcome));
        }
        let Some(until) = this.clock.until() else {
            return Poll::Pending;
        };
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        while sleep.deadline() < until {
            ready!(sleep.as_mut().poll(cx));
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        if let Some(activity) = this.activity {
            activity.cut();
        }
        this.inner.set(None);
        Poll::Ready(None)
    }
}

/// Runs the streams of HTTP/2, each watched by a clock of its own: a stream whose time is over is reset.
#[derive(Debug, Clone)]
pub(super) struct Streams;

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        TokioExecutor::new().execute(Watched::new(stream));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_polled_is_ended_and_a_clock_may_be_moved_and_stopped() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let begun = Instant::now();
        let watched = Watched::new(async move {
            let clock = Clock::current().unwrap();
            for until in [Some(5), Some(50), None] {
                clock.set(until.map(|seconds| Instant::now() + Duration::from_secs(seconds)));
                tokio::time::sleep(Duration::from_secs(4)).await;
            }
            clock.set(Some(Instant::now() + Duration::from_mins(1)));
            let _ =
                tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
            clock.set(Some(Instant::now() + Duration::from_secs(2)));
            std::future::pending::<()>().await;
            drop(inside);
        });
        assert_eq!(watched.await, None);
        assert_eq!(begun.elapsed().as_secs(), 15);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_in_time_has_its_outcome() {
        let watched = Watched::new(async {
            Clock::current()
                .unwrap()
                .set(Some(Instant::now() + Duration::from_secs(5)));
            tokio::time::sleep(Duration::from_secs(4)).await;
            7
        });
        assert_eq!(watched.await, Some(7));
    }
}
