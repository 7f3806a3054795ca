//! The stores that several gateways share: opened when a configuration names them, worked for as long as it is served.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::schema::Secret;
use gateway_core::{Gateway, OpenStores};
use gateway_store::shared::SharedStores;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::supervise::Supervisor;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What works for a store until the token says so.
type Worker = Box<dyn FnOnce(CancellationToken) -> Work + Send>;

/// Whoever works for stores that were opened, by now and later on.
pub(crate) struct Workers(mpsc::UnboundedReceiver<Worker>);

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}

/// Opens stores, and who will work for them.
pub(crate) fn stores() -> (OpenStores, Workers) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let open: OpenStores = Arc::new(move |url| {
        let (stores, worker) = open(url)?;
        // Nobody works any more when the program ends.
        drop(sender.send(worker));
        Ok(stores)
    });
    (open, Workers(receiver))
}

#[cfg(feature = "redis")]
fn open(url: &Secret) -> Result<(SharedStores, Worker), String> {
    use gateway_store_redis::{RedisConfig, RedisStores};

    let config = RedisConfig::new(url.clone());
    let (stores, worker) = RedisStores::open(config).map_err(|error| error.to_string())?;
    let work = |stop: CancellationToken| -> Work { Box::pin(worker.run(stop.cancelled_owned())) };
    Ok((stores.shared(), Box::new(work)))
}

#[cfg(not(feature = "redis"))]
fn open(_: &Secret) -> Result<(SharedStores, Worker), String> {
    Err("this program was built without it".to_owned())
}

impl Workers {
    /// Lets those work who are there now, and says how it is with the store they work for, if there is one.
    pub(crate) async fn begin(
        &mut self,
        gateway: &Gateway,
        supervisor: &Supervisor,
        tasks: &TaskTracker,
        over: &CancellationToken,
    ) -> String {
        while let Ok(worker) = self.0.try_recv() {
            supervisor.essential(tasks, NAME, worker(over.clone()));
        }
        first_contact(gateway).await.unwrap_or_default()
    }

    /// Lets those work who come later, until `over`.
    pub(crate) async fn run(
        mut self,
        supervisor: Supervisor,
        tasks: TaskTracker,
        over: CancellationToken,
    ) {
        loop {
            let worker = tokio::select! {
                () = over.cancelled() => return,
                worker = self.0.recv() => worker,
            };
            let Some(worker) = worker else { return };
            supervisor.essential(&tasks, NAME, worker(over.clone()));
        }
    }
}

/// What works for a store, in the log. Limits would not hold without it.
const NAME: &str = "worker of the shared store";

/// How long the start waits for a shared store.
const FIRST_CONTACT: Duration = Duration::from_secs(2);

/// Waits a moment for the shared store, if there is one, and says how it is with it.
async fn first_contact(gateway: &Gateway) -> Option<String> {
    let begun = tokio::time::Instant::now();
    loop {
        let (name, status) = gateway.engine().shared_store()?;
        if status.connected {
            return Some(format!("  Limits and caches are shared by {name}.\n"));
        }
        let failed = status.failures.iter().any(|(_, count)| *count > 0);
        if failed || begun.elapsed() > FIRST_CONTACT {
            let why = status.why.unwrap_or_default();
            return Some(format!(
                "  {} IS AWAY: {why}. Limits follow `on_store_error` until it is back.\n",
                name.to_uppercase()
            ));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
