//! The store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_sql::Session as _;
use gateway_store::definitions::{
    AuditPage, AuditQuery, Commit, Committed, DefinitionStore, Entity, EntityRef, List, Loaded,
    NodeState, Page, Remembered, Revision,
};
use gateway_store::shared::LinkStatus;
use gateway_store::{StoreError, StoreFuture};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::config::{PostgresConfig, SchemaMode};
use crate::connect::Connector;
use crate::link::{Link, SharedLink, run};
use crate::listen::{Known, listen, publish};

/// Connections that read.
const READERS: usize = 2;

/// The configuration in PostgreSQL. See the crate's documentation.
pub struct PostgresStore {
    writer: SharedLink,
    readers: [SharedLink; READERS],
    turn: AtomicUsize,
    known: watch::Sender<Known>,
    listener: AbortHandle,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl PostgresStore {
    /// Connects, checks or migrates the tables, and begins to follow the revision. Must be called within a runtime of tokio.
    ///
    /// # Errors
    /// The server is away, or its tables are not those of this program; one sentence says so.
    pub async fn open(config: PostgresConfig) -> Result<Self, StoreError> {
        let connector = Arc::new(Connector::new(config)?);
        let mut session = connector.connect(None).await?;
        match &connector.config().mode {
            SchemaMode::Existing => gateway_sql::check_schema(&mut session).await?,
            SchemaMode::Migrate { app, now } => {
                // The schema's name is letters, digits and `_`.
                let schema = &connector.config().schema;
                let create = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
                session.script(&create).await?;
                gateway_sql::migrate(&mut session, app, *now).await?;
            }
        }
        let revision = gateway_sql::revision(&mut session).await?;
        let known = watch::Sender::new(Known {
            revision,
            away: None,
            failures: 0,
        });
        let listener = tokio::spawn(listen(Arc::clone(&connector), known.clone()));
        Ok(Self {
            writer: Link::new(Arc::clone(&connector)),
            readers: std::array::from_fn(|_| Link::new(Arc::clone(&connector))),
            turn: AtomicUsize::new(0),
            known,
            listener: listener.abort_handle(),
        })
    }

    /// Says everything that is wrong with the content, a sentence each; nothing if all is well.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        run(self.reader(), |session| {
            Box::pin(gateway_sql::check(session))
        })
        .await
    }

    fn reader(&self) -> &SharedLink {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.readers.get(turn % READERS).unwrap_or(&self.writer)
    }
}

/// Makes a commit; if its answer was lost, finds out whether it was made.
async fn commit(writer: SharedLink, commit: Arc<Commit>) -> Result<Committed, StoreError> {
    let asked = Arc::clone(&commit);
    let made = run(&writer, move |session| {
        let asked = Arc::clone(&asked);
        Box::pin(async move { gateway_sql::commit(session, &asked).await })
    });
    let unknown = match made.await {
        Err(StoreError::Unknown(why)) if !commit.writes.is_empty() => why,
        made => return made,
    };
    let found = run(&writer, move |session| {
        let commit = Arc::clone(&commit);
        Box::pin(async move { gateway_sql::was_committed(session, &commit).await })
    });
    match found.await {
        Ok(Some(committed)) => Ok(committed),
        Ok(None) => Err(StoreError::Unavailable(format!(
            "{unknown}; nothing was changed"
        ))),
        Err(_) => Err(StoreError::Unknown(unknown)),
    }
}

impl DefinitionStore for PostgresStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn status(&self) -> LinkStatus {
        let known = self.known.borrow();
        LinkStatus::new(known.away.is_none(), known.away.clone())
            .with_failures(vec![("revision", known.failures)])
    }

    fn revision(&self) -> StoreFuture<'_, Revision> {
        Box::pin(run(self.reader(), |session| {
            Box::pin(gateway_sql::revision(session))
        }))
    }

    fn load(&self, since: Option<Revision>) -> StoreFuture<'_, Loaded> {
        Box::pin(run(self.reader(), move |session| {
            Box::pin(gateway_sql::load(session, since))
        }))
    }

    fn get(&self, entity: EntityRef) -> StoreFuture<'_, Option<Entity>> {
        Box::pin(run(self.reader(), move |session| {
            let entity = entity.clone();
            Box::pin(async move { gateway_sql::get(session, &entity).await })
        }))
    }

    fn list(&self, list: List) -> StoreFuture<'_, Page> {
        Box::pin(run(self.reader(), move |session| {
            let list = list.clone();
            Box::pin(async move { gateway_sql::list(session, &list).await })
        }))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        let writer = Arc::clone(&self.writer);
        Box::pin(async move {
            let committed = self::commit(writer, Arc::new(commit)).await?;
            publish(&self.known, committed.revision);
            Ok(committed)
        })
    }

    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision> {
        let mut newest = self.known.subscribe();
        Box::pin(async move {
            let newest = newest.wait_for(|newest| newest.revision != known).await;
            newest
                .map(|newest| newest.revision)
                .map_err(|_| StoreError::Unavailable("the store was closed".to_owned()))
        })
    }

    fn audit(&self, query: AuditQuery) -> StoreFuture<'_, AuditPage> {
        Box::pin(run(self.reader(), move |session| {
            let query = query.clone();
            Box::pin(async move { gateway_sql::audit(session, &query).await })
        }))
    }

    fn recall(&self, key: String, now: u64) -> StoreFuture<'_, Option<Remembered>> {
        Box::pin(run(self.reader(), move |session| {
            let key = key.clone();
            Box::pin(async move { gateway_sql::recall(session, &key, now).await })
        }))
    }

    fn heartbeat(&self, node: NodeState) -> StoreFuture<'_, ()> {
        Box::pin(run(&self.writer, move |session| {
            let node = node.clone();
            Box::pin(async move { gateway_sql::heartbeat(session, &node).await })
        }))
    }

    fn nodes(&self) -> StoreFuture<'_, Vec<NodeState>> {
        Box::pin(run(self.reader(), |session| {
            Box::pin(gateway_sql::nodes(session))
        }))
    }
}
