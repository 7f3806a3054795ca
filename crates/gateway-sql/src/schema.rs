//! The tables, as migrations: numbered, forward only.
//!
//! Expand and contract: a migration adds what programs of the version before can ignore, so that two versions run side by
//! side; what is no longer used goes in a later one. Each migration names the oldest program that can still use the tables
//! afterwards, and a program that is older than that refuses them.

use aws_lc_rs::digest;

use crate::session::Backend;

/// The version of the tables that this program writes.
pub const PROGRAM_SCHEMA: u64 = 1;

/// One step from a version of the tables to the next.
#[derive(Debug)]
pub struct Migration {
    /// The version it leads to.
    pub version: u64,
    /// What it does.
    pub name: &'static str,
    /// The oldest [`PROGRAM_SCHEMA`] that can use the tables afterwards.
    pub oldest_reader: u64,
    /// Both dialects: `INT`, `STR` and `BYTES` stand for column types, `STRICT` for the end of a table.
    template: &'static str,
}

impl Migration {
    /// The text for a database.
    pub fn text(&self, backend: Backend) -> String {
        let names = match backend {
            Backend::Sqlite => [
                ("INT", "INTEGER"),
                ("STR", "TEXT"),
                ("BYTES", "BLOB"),
                ("STRICT", " STRICT"),
            ],
            // Byte order for names, whatever the locale of the database: cursors compare them.
            Backend::Postgres => [
                ("INT", "BIGINT"),
                ("STR", "TEXT COLLATE \"C\""),
                ("BYTES", "BYTEA"),
                ("STRICT", ""),
            ],
        };
        let mut text = self.template.to_owned();
        for (name, word) in names {
            text = text.replace(&format!("{{{name}}}"), word);
        }
        text
    }

    /// SHA-256 of the text.
    pub fn checksum(&self, backend: Backend) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.text(backend).as_bytes())
            .as_ref()
            .to_vec()
    }
}

/// The table that records migrations; made before the first one.
pub(crate) const MIGRATION_TABLE: Migration = Migration {
    version: 0,
    name: "migrations",
    oldest_reader: 0,
    template: "CREATE TABLE IF NOT EXISTS migration (version {INT} PRIMARY KEY, name {STR} NOT NULL, checksum {BYTES} NOT NULL, \
        oldest_reader {INT} NOT NULL, app {STR} NOT NULL, applied_at {INT} NOT NULL){STRICT};",
};

/// All migrations, in order.
pub fn migrations() -> &'static [Migration] {
    &MIGRATIONS
}

pub(crate) static MIGRATIONS: [Migration; 1] = [Migration {
    version: 1,
    name: "configuration",
    oldest_reader: 1,
    template: "
CREATE TABLE entity (
  kind {STR} NOT NULL,
  id {STR} NOT NULL,
  workspace {STR} NOT NULL,
  name {STR} NOT NULL,
  document {STR} NOT NULL,
  sealed_value {BYTES},
  wrapped_key {BYTES},
  kek {STR},
  version {INT} NOT NULL,
  revision {INT} NOT NULL,
  created_by {STR},
  created_at {INT} NOT NULL,
  updated_by {STR},
  updated_at {INT} NOT NULL,
  PRIMARY KEY (kind, id),
  UNIQUE (kind, workspace, name)
){STRICT};
CREATE INDEX entity_revision ON entity (revision);
CREATE INDEX entity_name ON entity (kind, name, id);
CREATE INDEX entity_created ON entity (kind, created_at, id);
CREATE TABLE revision (one {INT} PRIMARY KEY CHECK (one = 1), number {INT} NOT NULL){STRICT};
INSERT INTO revision (one, number) VALUES (1, 0);
CREATE TABLE audit (
  number {INT} PRIMARY KEY,
  at {INT} NOT NULL,
  revision {INT} NOT NULL,
  actor {STR},
  source {STR},
  request_id {STR},
  reason {STR},
  action {STR} NOT NULL,
  kind {STR} NOT NULL,
  id {STR} NOT NULL,
  workspace {STR} NOT NULL,
  name {STR} NOT NULL,
  document_before {STR},
  document_after {STR},
  sealed_changed {INT} NOT NULL,
  previous {BYTES} NOT NULL,
  hash {BYTES} NOT NULL
){STRICT};
CREATE INDEX audit_revision ON audit (revision);
CREATE INDEX audit_entity ON audit (kind, id, number);
CREATE TABLE answer (
  key {STR} PRIMARY KEY,
  fingerprint {BYTES} NOT NULL,
  status {INT} NOT NULL,
  body {STR} NOT NULL,
  expires_at {INT} NOT NULL
){STRICT};
CREATE INDEX answer_expires ON answer (expires_at);
CREATE TABLE node (
  name {STR} PRIMARY KEY,
  app {STR} NOT NULL,
  seen_at {INT} NOT NULL,
  revision {INT} NOT NULL,
  problem {STR}
){STRICT};
",
}];
