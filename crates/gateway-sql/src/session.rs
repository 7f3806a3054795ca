//! A connection, as the operations see it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use gateway_store::StoreError;

use crate::statements::Statement;
use crate::value::{Row, Value};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// Begins a transaction that writes: at once exclusive of other writers in SQLite.
    pub const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that reads one state of the whole.
    pub const fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// A connection with at most one transaction. Errors of the database come as the errors of the port, in words that hold
/// neither values nor statements.
pub trait Session: Send {
    /// Which database it is.
    fn backend(&self) -> Backend;

    /// Runs a statement with these values.
    fn run(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Runs a statement once for each set of values, in any order, and answers in theirs. A connection over a network sends
    /// them together.
    fn run_each(
        &mut self,
        statement: &'static Statement,
        sets: Vec<Vec<Value>>,
    ) -> impl Future<Output = Result<Vec<Vec<Row>>, StoreError>> + Send;

    /// Runs statements without values: of transactions and migrations.
    fn script(&mut self, text: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Commits if the outcome is good, else rolls back; a rollback that fails leaves the first error.
pub(crate) async fn end<S: Session, T>(
    session: &mut S,
    outcome: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match outcome {
        Ok(value) => session.script("COMMIT").await.map(|()| value),
        Err(error) => {
            // A connection that cannot roll back is broken; the database rolls back by itself.
            let _ = session.script("ROLLBACK").await;
            Err(error)
        }
    }
}

/// The outcome of an operation on a session that never waits: the one of SQLite.
///
/// # Errors
/// Those of the operation; [`StoreError::Damaged`] if the session waits after all.
pub fn run_ready<T>(
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match pin!(operation).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(StoreError::Damaged(
            "a session that must not wait waits".to_owned(),
        )),
    }
}
