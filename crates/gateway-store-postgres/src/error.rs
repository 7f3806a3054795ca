//! Errors of PostgreSQL as errors of the port.

use std::error::Error as _;

use gateway_store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// One sentence about an error, without statements and values. `place` is the server.
pub(crate) fn port_error(place: &str, error: &Error) -> StoreError {
    let Some(code) = error.code() else {
        return StoreError::Unavailable(without_code(place, error));
    };
    let unavailable = |why: &str| StoreError::Unavailable(format!("PostgreSQL at {place} {why}"));
    if *code == SqlState::DISK_FULL {
        return StoreError::Full(format!(
            "PostgreSQL at {place} has no room left; nothing was changed"
        ));
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return StoreError::ReadOnly(format!(
            "PostgreSQL at {place} takes no changes; it may be a replica"
        ));
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return StoreError::ReadOnly(format!(
            "the user of the store lacks a right on the schema at {place}"
        ));
    }
    if *code == SqlState::LOCK_NOT_AVAILABLE {
        return unavailable("has the configuration locked for more than 5 s");
    }
    if *code == SqlState::QUERY_CANCELED {
        return unavailable("did not finish in time");
    }
    if *code == SqlState::UNIQUE_VIOLATION {
        return unavailable("was written by another program at the same moment");
    }
    match code.code().get(..2).unwrap_or_default() {
        "28" => unavailable("refuses the user or the password of the store"),
        "3D" => unavailable("has no such database"),
        "42" | "3F" => StoreError::Schema(format!(
            "The tables at {place} are not those of this gateway-server ({}). Run `gateway-server db migrate`.",
            code.code()
        )),
        "53" => unavailable("lacks memory, connections or space"),
        "57" => unavailable("is starting or stopping"),
        "XX" => StoreError::Damaged(format!(
            "PostgreSQL at {place} reports damage ({})",
            code.code()
        )),
        _ => unavailable(&format!("answers {}", code.code())),
    }
}

/// A failure of the connection. The innermost cause says why; neither has a credential in it.
fn without_code(place: &str, error: &Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    let why = cause.map_or_else(|| error.to_string(), ToString::to_string);
    format!("PostgreSQL at {place}: {why}")
}
