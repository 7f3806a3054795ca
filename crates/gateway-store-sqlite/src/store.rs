//! The store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_sql::{SchemaState, run_ready};
use gateway_store::definitions::{
    AuditPage, AuditQuery, Commit, Committed, DefinitionStore, Entity, EntityRef, List, Loaded,
    NodeState, Page, Remembered, Revision,
};
use gateway_store::shared::LinkStatus;
use gateway_store::{StoreError, StoreFuture};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::error::port_error;
use crate::session::SqliteSession;
use crate::worker::Worker;
use crate::{file, maintenance};

/// Connections that read.
const READERS: usize = 2;

/// What is done about the tables of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenMode {
    /// They must be of this program's version; the file must be there.
    Existing,
    /// A missing file is created, and older tables are migrated, after a copy of the file as `<file>.before-v<version>`.
    Migrate {
        /// The version of the program, for the record.
        app: String,
        /// The time, in milliseconds since 1970.
        now: u64,
    },
}

/// Where the store is, and how it is opened.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    path: PathBuf,
    mode: OpenMode,
    max_pages: Option<u32>,
}

impl SqliteConfig {
    /// The store in the file at `path`.
    pub fn new(path: impl Into<PathBuf>, mode: OpenMode) -> Self {
        Self {
            path: path.into(),
            mode,
            max_pages: None,
        }
    }

    /// Limits the file to this many pages of 4 KiB. A commit that needs more is refused as on a full disk.
    pub const fn with_max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }
}

/// The configuration in one file. See the crate's documentation.
#[derive(Debug)]
pub struct SqliteStore {
    path: Arc<Path>,
    writer: Worker,
    readers: Vec<Worker>,
    turn: AtomicUsize,
    revision: watch::Sender<Revision>,
}

impl SqliteStore {
    /// Opens the store. Blocks for the time that takes: milliseconds, or as long as another process holds the lock, 5 s at
    /// most.
    ///
    /// # Errors
    /// The file cannot be opened, or its tables are not those of this program; one sentence says so, and the file is as it
    /// was.
    pub fn open(config: SqliteConfig) -> Result<Self, StoreError> {
        let path: Arc<Path> = config.path.into();
        let create = config.mode != OpenMode::Existing;
        let mut connection = file::open(&path, create)?;
        prepare(&mut connection, &path, &config.mode)?;
        if let Some(pages) = config.max_pages {
            let limited = connection.pragma_update(None, "max_page_count", pages);
            limited.map_err(|error| port_error(&path, &error))?;
        }
        let mut session = SqliteSession {
            connection: &mut connection,
            path: &path,
        };
        let newest = run_ready(gateway_sql::revision(&mut session))?;
        let revision = watch::Sender::new(newest);
        let (seen, place) = (revision.clone(), Arc::clone(&path));
        let writer = Worker::start("config-writer", connection, move |connection| {
            look(connection, &place, &seen);
        })?;
        let readers = (0..READERS).map(|_| {
            let connection = file::open(&path, false)?;
            Worker::start("config-reader", connection, |_| {})
        });
        Ok(Self {
            readers: readers.collect::<Result<_, _>>()?,
            path,
            writer,
            turn: AtomicUsize::new(0),
            revision,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn reader(&self) -> &Worker {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.readers.get(turn % READERS).unwrap_or(&self.writer)
    }

    /// Runs an operation on a connection that reads.
    fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut SqliteSession<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let path = Arc::clone(&self.path);
        Box::pin(self.reader().run(move |connection| {
            job(&mut SqliteSession {
                connection,
                path: &path,
            })
        }))
    }

    /// Runs an operation on the connection that writes.
    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut SqliteSession<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let path = Arc::clone(&self.path);
        Box::pin(self.writer.run(move |connection| {
            job(&mut SqliteSession {
                connection,
                path: &path,
            })
        }))
    }
}

fn prepare(connection: &mut Connection, path: &Path, mode: &OpenMode) -> Result<(), StoreError> {
    let mut session = SqliteSession { connection, path };
    let OpenMode::Migrate { app, now } = mode else {
        return run_ready(gateway_sql::check_schema(&mut session));
    };
    match run_ready(gateway_sql::schema_state(&mut session))? {
        SchemaState::Current | SchemaState::Newer { .. } => return Ok(()),
        SchemaState::Empty => {}
        SchemaState::Older { found } => {
            let mut copy = path.as_os_str().to_owned();
            copy.push(format!(".before-v{}", found + 1));
            maintenance::copy(session.connection, path, Path::new(&copy))?;
        }
    }
    run_ready(gateway_sql::migrate(&mut session, app, *now)).map(drop)
}

/// Publishes the newest revision, whoever made it.
fn look(connection: &mut Connection, path: &Path, seen: &watch::Sender<Revision>) {
    let mut session = SqliteSession { connection, path };
    // A file that cannot be read now is read again at the next turn; whoever needs it meets the error.
    if let Ok(newest) = run_ready(gateway_sql::revision(&mut session)) {
        publish(seen, newest);
    }
}

fn publish(seen: &watch::Sender<Revision>, newest: Revision) {
    seen.send_if_modified(|known| {
        let changed = *known != newest;
        *known = newest;
        changed
    });
}

impl DefinitionStore for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn status(&self) -> LinkStatus {
        LinkStatus::new(true, None)
    }

    fn revision(&self) -> StoreFuture<'_, Revision> {
        self.read(|session| run_ready(gateway_sql::revision(session)))
    }

    fn load(&self, since: Option<Revision>) -> StoreFuture<'_, Loaded> {
        self.read(move |session| run_ready(gateway_sql::load(session, since)))
    }

    fn get(&self, entity: EntityRef) -> StoreFuture<'_, Option<Entity>> {
        self.read(move |session| run_ready(gateway_sql::get(session, &entity)))
    }

    fn list(&self, list: List) -> StoreFuture<'_, Page> {
        self.read(move |session| run_ready(gateway_sql::list(session, &list)))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        let seen = self.revision.clone();
        self.write(move |session| {
            let committed = run_ready(gateway_sql::commit(session, &commit))?;
            publish(&seen, committed.revision);
            Ok(committed)
        })
    }

    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision> {
        let mut revision = self.revision.subscribe();
        Box::pin(async move {
            let newest = revision.wait_for(|newest| *newest != known).await;
            newest
                .map(|newest| *newest)
                .map_err(|_| StoreError::Unavailable("the store was closed".to_owned()))
        })
    }

    fn audit(&self, query: AuditQuery) -> StoreFuture<'_, AuditPage> {
        self.read(move |session| run_ready(gateway_sql::audit(session, &query)))
    }

    fn recall(&self, key: String, now: u64) -> StoreFuture<'_, Option<Remembered>> {
        self.read(move |session| run_ready(gateway_sql::recall(session, &key, now)))
    }

    fn heartbeat(&self, node: NodeState) -> StoreFuture<'_, ()> {
        self.write(move |session| run_ready(gateway_sql::heartbeat(session, &node)))
    }

    fn nodes(&self) -> StoreFuture<'_, Vec<NodeState>> {
        self.read(|session| run_ready(gateway_sql::nodes(session)))
    }
}
