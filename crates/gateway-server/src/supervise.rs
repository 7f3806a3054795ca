//! Tasks in the background. None of them ends by a panic unseen: it is started again, or the process ends. The panic itself
//! is logged where it happens.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Failure;

/// The pause before a task that panicked is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `make` makes. When it panics, another one is made after a second.
pub(crate) fn restarting<F>(
    tasks: &TaskTracker,
    name: &'static str,
    mut make: impl FnMut() -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tasks.spawn(async move {
        while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
            tracing::error!(target: "gateway::task", task = name, "the task panicked; it is started again");
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Starts tasks that take the process with them when they panic.
#[derive(Debug, Clone)]
pub(crate) struct Supervisor {
    stop: CancellationToken,
    failed: Arc<OnceLock<&'static str>>,
}

impl Supervisor {
    /// Cancels `stop` when something ends that the process cannot do without.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            failed: Arc::default(),
        }
    }

    /// Runs `task`. When it panics, the process drains and ends with a failure.
    pub(crate) fn essential(
        &self,
        tasks: &TaskTracker,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let supervisor = self.clone();
        tasks.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                tracing::error!(target: "gateway::task", task = name, "the task panicked; the process stops");
                let _ = supervisor.failed.set(name);
                supervisor.stop.cancel();
            }
        });
    }

    /// A failure, if a task took the process with it.
    pub(crate) fn outcome(&self) -> Result<(), Failure> {
        match self.failed.get() {
            None => Ok(()),
            Some(task) => Err(Failure::Broken(format!("The {task} panicked."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_until_it_ends() {
        let begun = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&begun);
        let task = restarting(&TaskTracker::new(), "test", move || {
            let count = seen.fetch_add(1, Ordering::Relaxed);
            async move { assert!(count >= 2, "on purpose") }
        });
        task.await.unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn the_process_does_not_outlive_a_task_that_it_cannot_do_without() {
        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(stop.clone());
        supervisor.essential(&TaskTracker::new(), "fine", async {});
        assert!(supervisor.outcome().is_ok());
        supervisor.essential(&TaskTracker::new(), "lease worker", async {
            assert!(false_at_run_time(), "on purpose");
        });
        stop.cancelled().await;
        let failure = supervisor.outcome().unwrap_err();
        assert_eq!(failure.to_string(), "The lease worker panicked.");
    }

    fn false_at_run_time() -> bool {
        std::hint::black_box(false)
    }
}
