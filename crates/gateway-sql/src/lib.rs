//! The configuration store as SQL, once for SQLite and PostgreSQL: tables, statements, and what is done with them.
//!
//! The operations ([`load`], [`commit`], [`list()`], ...) are written against [`Session`], which runs one statement at a time.
//! `gateway-store-sqlite` and `gateway-store-postgres` implement it and call the operations; neither contains a statement of
//! its own for configuration. Statements are constants, listed in [`ALL_STATEMENTS`], so that one test prepares every one
//! of them on both databases. Values are always bound, never put into a text.
//!
//! This crate opens no connection, and has no clock and no runtime.

mod audit;
mod check;
mod commit;
mod load;
mod migrate;
mod nodes;
mod schema;
mod session;
mod statements;
mod value;

#[cfg(test)]
mod tests;

pub use audit::{audit, audit_chain};
pub use check::check;
pub use commit::{commit, recall, was_committed};
pub use load::{get, list, load, revision};
pub use migrate::{Migrated, SchemaState, check_schema, migrate, schema_state};
pub use nodes::{heartbeat, nodes};
pub use schema::{Migration, PROGRAM_SCHEMA, migrations};
pub use session::{Backend, Session, run_ready};
pub use statements::{ALL_STATEMENTS, Statement};
pub use value::{Row, Value};
