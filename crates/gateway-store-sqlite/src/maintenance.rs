//! Copies and checks, beside a running server.

use std::fs::File;
use std::path::Path;

use gateway_sql::run_ready;
use gateway_store::StoreError;
use rusqlite::Connection;

use crate::error::port_error;
use crate::file::{self, refused};
use crate::session::SqliteSession;

/// Writes a copy of the store, at one revision, to a file that must not exist yet. The copy has mode 0600 and is on the
/// disk when this returns. A server may use the store meanwhile.
///
/// # Errors
/// The store cannot be read, or the copy cannot be written.
pub fn backup(store: &Path, copy: &Path) -> Result<(), StoreError> {
    let connection = file::open(store, false)?;
    self::copy(&connection, store, copy)
}

pub(crate) fn copy(connection: &Connection, store: &Path, copy: &Path) -> Result<(), StoreError> {
    let text = copy
        .to_str()
        .ok_or_else(|| StoreError::Unavailable("the path of a copy must be UTF-8".to_owned()))?;
    // An empty file is accepted as a target, and has the mode that the copy shall have.
    file::create_new(copy)?;
    let copied = connection
        .execute("VACUUM INTO ?1", [text])
        .map_err(|error| port_error(store, &error))
        .and_then(|_| {
            let synced = File::open(copy).and_then(|file| file.sync_all());
            synced.map_err(|error| refused(copy, &error))
        });
    if copied.is_err() {
        // Half a copy is none. If it cannot be removed, the first error is the one to report.
        let _ = std::fs::remove_file(copy);
    }
    copied
}

/// Says everything that is wrong with the store, a sentence each; nothing if all is well. A server may use it meanwhile.
///
/// # Errors
/// It cannot be read at all, or its tables are not those of this program.
pub fn check(store: &Path) -> Result<Vec<String>, StoreError> {
    let mut connection = file::open(store, false)?;
    let mut findings = integrity(&connection).map_err(|error| port_error(store, &error))?;
    let mut session = SqliteSession {
        connection: &mut connection,
        path: store,
    };
    run_ready(gateway_sql::check_schema(&mut session))?;
    findings.extend(run_ready(gateway_sql::check(&mut session))?);
    findings.extend(mode_finding(store)?);
    Ok(findings)
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines = lines.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

#[cfg(unix)]
fn mode_finding(store: &Path) -> Result<Option<String>, StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let about = std::fs::metadata(store).map_err(|error| refused(store, &error))?;
    let mode = about.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then(|| {
        format!(
            "{} has mode {mode:o}; it should be readable by its owner only (600)",
            store.display()
        )
    }))
}

#[cfg(not(unix))]
fn mode_finding(_: &Path) -> Result<Option<String>, StoreError> {
    Ok(None)
}
