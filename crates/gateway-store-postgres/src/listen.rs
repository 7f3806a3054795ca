//! Knowing the newest revision.

use std::sync::Arc;
use std::time::Duration;

use gateway_store::StoreError;
use gateway_store::definitions::Revision;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::connect::Connector;
use crate::error::port_error;

/// How often the revision is read besides notifications.
const POLL: Duration = Duration::from_millis(500);

/// What is known of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) revision: Revision,
    /// Why the server does not answer, if it does not.
    pub(crate) away: Option<String>,
    pub(crate) failures: u64,
}

/// Publishes the newest revision until the task is aborted.
pub(crate) async fn listen(connector: Arc<Connector>, known: watch::Sender<Known>) {
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match follow(&connector, &known, &mut pause).await {
            Ok(never) => match never {},
            Err(error) => error.to_string(),
        };
        let first = known.borrow().away.is_none();
        if first {
            tracing::warn!("{error}");
        }
        known.send_modify(|known| {
            known.away = Some(error);
            known.failures += 1;
        });
        // Spread, so that the nodes of a server that came back do not all come at once.
        let part = u64::from(std::process::id() % 50);
        sleep(pause + Duration::from_millis(part)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

async fn follow(
    connector: &Connector,
    known: &watch::Sender<Known>,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, StoreError> {
    let (notify, mut notified) = mpsc::channel(1);
    let mut session = connector.connect(Some(notify)).await?;
    let listening = session
        .client
        .batch_execute("LISTEN gateway_revision")
        .await;
    listening.map_err(|error| port_error(&session.place, &error))?;
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = poll.tick() => {}
            _ = notified.recv() => {}
        }
        let newest = gateway_sql::revision(&mut session).await?;
        *pause = Duration::from_millis(50);
        publish(known, newest);
    }
}

/// Publishes a revision that was read, or made by this process.
pub(crate) fn publish(known: &watch::Sender<Known>, newest: Revision) {
    known.send_if_modified(|known| {
        let changed = known.revision != newest || known.away.is_some();
        if known.away.take().is_some() {
            tracing::info!("PostgreSQL is back");
        }
        known.revision = newest;
        changed
    });
}
