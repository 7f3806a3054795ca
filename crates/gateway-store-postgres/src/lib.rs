//! The configuration store in PostgreSQL 15 or later, for several gateways.
//!
//! One connection writes, two read, one listens for `NOTIFY gateway_revision` and also reads the revision twice a second,
//! because notifications are lost with a connection: every process knows a new revision within a second. A connection that
//! breaks is made again when it is needed, with growing pauses; an operation whose connection broke before it had any effect
//! is tried once more. A commit whose answer was lost is looked up, never guessed.
//!
//! All tables are in one schema, `gateway` by default. TLS is used for every server that is not on this machine, and its
//! certificate is always verified. Connections must be direct, or through a pooler in session mode: prepared statements and
//! `LISTEN` belong to a connection.

mod config;
mod connect;
mod error;
mod link;
mod listen;
mod session;
mod store;
mod tls;

pub use config::{PostgresConfig, SchemaMode};
pub use store::PostgresStore;
