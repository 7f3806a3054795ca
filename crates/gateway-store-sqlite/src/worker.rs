//! A thread that owns a connection.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway_store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

/// How many requests wait for a connection at most; more are refused.
const QUEUE: usize = 1024;

/// How often the thread looks whether something changed.
const LOOK: Duration = Duration::from_millis(500);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread. It ends when this is dropped, after the jobs that wait.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread of this name. `look` runs twice a second, between jobs.
    pub(crate) fn start(
        name: &str,
        mut connection: Connection,
        look: impl Fn(&mut Connection) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&mut connection, &receiver, look))
            .map_err(|error| StoreError::Unavailable(format!("no thread: {error}")))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs something on the thread. A dropped future does not stop it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A caller that has gone needs no answer.
            let _ = answer.send(job(connection));
        });
        let sent = self.jobs.as_ref().map(|jobs| jobs.try_send(job));
        let ended = || StoreError::Unavailable("the thread of the store has ended".to_owned());
        match sent {
            Some(Ok(())) => answered.await.unwrap_or_else(|_| Err(ended())),
            Some(Err(TrySendError::Full(_))) => Err(StoreError::Unavailable(format!(
                "{QUEUE} requests wait for the store already"
            ))),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(ended()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // So that the file is closed when the store is gone. A thread that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

fn work(connection: &mut Connection, jobs: &Receiver<Job>, look: impl Fn(&mut Connection)) {
    let mut looked = Instant::now();
    loop {
        let wait = LOOK.saturating_sub(looked.elapsed());
        match jobs.recv_timeout(wait) {
            Ok(job) => job(connection),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if looked.elapsed() >= LOOK {
            look(connection);
            looked = Instant::now();
        }
    }
}
