//! Errors of SQLite as errors of the port.

use std::path::Path;

use gateway_store::StoreError;
use rusqlite::ErrorCode;

/// One sentence about an error, without statements and values.
pub(crate) fn port_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let file = path.display();
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Damaged(format!("{file} holds something unexpected"));
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Unavailable(format!(
            "another process holds the lock of {file} for more than 5 s"
        )),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            StoreError::ReadOnly(format!("{file} must be writable, and so must its folder"))
        }
        ErrorCode::DiskFull => {
            StoreError::Full(format!("no room is left for {file}; nothing was changed"))
        }
        ErrorCode::NotADatabase => StoreError::Schema(format!("{file} is not an SQLite database.")),
        ErrorCode::DatabaseCorrupt => StoreError::Damaged(format!(
            "{file} is corrupt; put a backup in its place, and keep the file for a repair"
        )),
        ErrorCode::CannotOpen => StoreError::Unavailable(format!("{file} cannot be opened")),
        ErrorCode::SystemIoFailure => {
            StoreError::Unavailable(format!("the disk refuses to read or write {file}"))
        }
        code => StoreError::Damaged(format!("{file}: SQLite answers {code:?}")),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn every_bad_day_has_its_sentence() {
        let of = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            port_error(Path::new("/data/gateway.db"), &error).to_string()
        };
        for (code, part) in [
            (
                ffi::SQLITE_BUSY,
                "another process holds the lock of /data/gateway.db",
            ),
            (
                ffi::SQLITE_READONLY,
                "is read-only: /data/gateway.db must be writable",
            ),
            (ffi::SQLITE_READONLY_DIRECTORY, "and so must its folder"),
            (
                ffi::SQLITE_FULL,
                "no room is left for /data/gateway.db; nothing was changed",
            ),
            (
                ffi::SQLITE_NOTADB,
                "/data/gateway.db is not an SQLite database.",
            ),
            (ffi::SQLITE_CORRUPT, "is corrupt; put a backup in its place"),
            (ffi::SQLITE_CANTOPEN, "cannot be opened"),
            (ffi::SQLITE_IOERR_WRITE, "the disk refuses to read or write"),
            (ffi::SQLITE_TOOBIG, "SQLite answers TooBig"),
        ] {
            let sentence = of(code);
            assert!(sentence.contains(part), "{code}: {sentence}");
        }
    }
}
