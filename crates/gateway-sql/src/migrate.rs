//! Bringing the tables to the version of the program.

use gateway_store::StoreError;

use crate::schema::{MIGRATION_TABLE, MIGRATIONS, Migration, PROGRAM_SCHEMA};
use crate::session::{Backend, Session, end};
use crate::statements::{APPLIED, RECORD_MIGRATION, TABLES};
use crate::value::{Row, Value};

/// Keeps two programs from migrating one PostgreSQL database at once. Any number that nothing else uses.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(7164280991542)";

/// How the tables relate to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// There are none yet.
    Empty,
    /// They are older: migrations are pending.
    Older {
        /// Their version.
        found: u64,
    },
    /// They are of this version.
    Current,
    /// They are newer, and this program can use them.
    Newer {
        /// Their version.
        found: u64,
    },
}

/// What was migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; 0 for an empty database.
    pub from: u64,
    /// The version now.
    pub to: u64,
}

struct Applied {
    version: u64,
    name: String,
    checksum: Vec<u8>,
    oldest_reader: u64,
}

/// Finds out how the tables relate to the program.
///
/// # Errors
/// [`StoreError::Schema`] if this program must not use them, with the reason.
pub async fn schema_state<S: Session>(session: &mut S) -> Result<SchemaState, StoreError> {
    let mut tables = Vec::new();
    for mut row in session.run(&TABLES, Vec::new()).await? {
        tables.push(row.text()?);
    }
    if tables.is_empty() {
        return Ok(SchemaState::Empty);
    }
    if !tables.iter().any(|table| table == "migration") {
        return Err(foreign(&tables));
    }
    let mut applied = Vec::new();
    for row in session.run(&APPLIED, Vec::new()).await? {
        applied.push(read(row)?);
    }
    judge(&applied, session.backend())
}

fn foreign(tables: &[String]) -> StoreError {
    let mlflow = tables.iter().any(|table| table == "alembic_version");
    let hint = if mlflow {
        " It looks like a database of MLflow, which is imported, not used in place."
    } else {
        ""
    };
    let names: Vec<&str> = tables.iter().take(3).map(String::as_str).collect();
    StoreError::Schema(format!(
        "The database has tables of another program ({}, ...) and none of a gateway; name an empty one.{hint}",
        names.join(", ")
    ))
}

fn read(mut row: Row) -> Result<Applied, StoreError> {
    Ok(Applied {
        version: row.number()?,
        name: row.text()?,
        checksum: row.optional_bytes()?.unwrap_or_default(),
        oldest_reader: row.number()?,
    })
}

fn judge(applied: &[Applied], backend: Backend) -> Result<SchemaState, StoreError> {
    let found = applied.last().map_or(0, |last| last.version);
    let needed = applied.iter().map(|one| one.oldest_reader).max();
    let needed = needed.unwrap_or_default();
    if needed > PROGRAM_SCHEMA {
        return Err(StoreError::Schema(format!(
            "The tables have version {found}, which needs a gateway-server that knows version {needed}; this one knows \
             version {PROGRAM_SCHEMA}. Use a newer gateway-server."
        )));
    }
    let known = MIGRATIONS.iter().zip(applied);
    for (migration, applied) in known {
        let same =
            migration.version == applied.version && migration.checksum(backend) == applied.checksum;
        if !same {
            return Err(StoreError::Schema(format!(
                "Migration {} (`{}`) of the database is not the one of this gateway-server; they come from different builds.",
                applied.version, applied.name
            )));
        }
    }
    Ok(match found {
        0 => SchemaState::Empty,
        found if found < PROGRAM_SCHEMA => SchemaState::Older { found },
        found if found > PROGRAM_SCHEMA => SchemaState::Newer { found },
        _ => SchemaState::Current,
    })
}

/// Refuses tables that must be migrated first.
///
/// # Errors
/// [`StoreError::Schema`], with the command that helps.
pub async fn check_schema<S: Session>(session: &mut S) -> Result<(), StoreError> {
    let found = match schema_state(session).await? {
        SchemaState::Current | SchemaState::Newer { .. } => return Ok(()),
        SchemaState::Empty => "no tables yet".to_owned(),
        SchemaState::Older { found } => format!("tables of version {found}"),
    };
    Err(StoreError::Schema(format!(
        "The database has {found}; this gateway-server needs version {PROGRAM_SCHEMA}. Run `gateway-server db migrate`."
    )))
}

/// Applies the migrations that are pending, all in one transaction. Does nothing where there are none.
///
/// # Errors
/// [`StoreError::Schema`] as [`schema_state`]; those of the database.
pub async fn migrate<S: Session>(
    session: &mut S,
    app: &str,
    now: u64,
) -> Result<Migrated, StoreError> {
    session.script(session.backend().begin_write()).await?;
    let outcome = apply(session, app, now).await;
    end(session, outcome).await
}

async fn apply<S: Session>(session: &mut S, app: &str, now: u64) -> Result<Migrated, StoreError> {
    let backend = session.backend();
    if backend == Backend::Postgres {
        session.script(ADVISORY_LOCK).await?;
    }
    // Inside the transaction, so that of two programs at once the second finds nothing to do.
    let from = match schema_state(session).await? {
        SchemaState::Empty => 0,
        SchemaState::Older { found } | SchemaState::Newer { found } => found,
        SchemaState::Current => PROGRAM_SCHEMA,
    };
    session.script(&MIGRATION_TABLE.text(backend)).await?;
    for migration in MIGRATIONS.iter().filter(|step| step.version > from) {
        session.script(&migration.text(backend)).await?;
        let values = record(migration, backend, app, now);
        session.run(&RECORD_MIGRATION, values).await?;
    }
    Ok(Migrated {
        from,
        to: from.max(PROGRAM_SCHEMA),
    })
}

fn record(migration: &Migration, backend: Backend, app: &str, now: u64) -> Vec<Value> {
    vec![
        Value::number(migration.version),
        migration.name.into(),
        Value::Bytes(migration.checksum(backend)),
        Value::number(migration.oldest_reader),
        app.into(),
        Value::number(now),
    ]
}
