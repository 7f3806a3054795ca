//! Every statement. Values are `$1`, `$2`, ... and appear for the first time in this order: SQLite numbers them so.

use crate::session::Backend;

/// A statement in both dialects.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, unique.
    pub name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Statement {
    /// The text for a database.
    pub const fn text(&self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }
}

const fn both(name: &'static str, text: &'static str) -> Statement {
    Statement {
        name,
        sqlite: text,
        postgres: text,
    }
}

macro_rules! columns {
    () => {
        "kind, id, workspace, name, document, sealed_value, wrapped_key, kek, version, revision, created_by, created_at, updated_by, updated_at"
    };
}

macro_rules! audit_columns {
    () => {
        "number, at, revision, actor, source, request_id, reason, action, kind, id, workspace, name, document_before, document_after, sealed_changed, previous, hash"
    };
}

/// What selects the entities of a list; a value is NULL where nothing is filtered by it.
macro_rules! filters {
    ($member:literal) => {
        concat!(
            " WHERE kind = $1 AND (CAST($2 AS TEXT) IS NULL OR workspace = $2)",
            " AND (CAST($3 AS TEXT) IS NULL OR ",
            $member,
        )
    };
}

pub(crate) static REVISION: Statement = both("revision", "SELECT number FROM revision");

pub(crate) static LOCK_REVISION: Statement = Statement {
    name: "lock_revision",
    sqlite: "SELECT number FROM revision",
    postgres: "SELECT number FROM revision FOR UPDATE",
};

pub(crate) static SET_REVISION: Statement = both("set_revision", "UPDATE revision SET number = $1");

pub(crate) static NOTIFY: Statement = Statement {
    name: "notify",
    sqlite: "SELECT $1",
    postgres: "SELECT CAST(pg_notify('gateway_revision', CAST($1 AS TEXT)) AS TEXT)",
};

pub(crate) static LOAD_ALL: Statement = both(
    "load_all",
    concat!("SELECT ", columns!(), " FROM entity ORDER BY kind, id"),
);

pub(crate) static LOAD_SINCE: Statement = both(
    "load_since",
    concat!(
        "SELECT ",
        columns!(),
        " FROM entity WHERE revision > $1 ORDER BY kind, id"
    ),
);

pub(crate) static REMOVED_SINCE: Statement = both(
    "removed_since",
    "SELECT DISTINCT a.kind, a.id FROM audit a WHERE a.revision > $1 AND NOT EXISTS \
     (SELECT 1 FROM entity e WHERE e.kind = a.kind AND e.id = a.id) ORDER BY a.kind, a.id",
);

pub(crate) static OLDEST_AUDIT: Statement = both(
    "oldest_audit",
    "SELECT revision FROM audit ORDER BY number LIMIT 1",
);

pub(crate) static GET: Statement = both(
    "get",
    concat!(
        "SELECT ",
        columns!(),
        " FROM entity WHERE kind = $1 AND id = $2"
    ),
);

pub(crate) static OWNER: Statement = both(
    "owner",
    "SELECT id FROM entity WHERE kind = $1 AND workspace = $2 AND name = $3",
);

pub(crate) static REMOVE: Statement =
    both("remove", "DELETE FROM entity WHERE kind = $1 AND id = $2");

pub(crate) static STORE: Statement = both(
    "store",
    concat!(
        "INSERT INTO entity (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    ),
);

pub(crate) static LIST_BY_NAME: Statement = Statement {
    name: "list_by_name",
    sqlite: concat!(
        "SELECT ",
        columns!(),
        " FROM entity",
        filters!("instr(lower(name), lower($3)) > 0)"),
        " AND (CAST($4 AS TEXT) IS NULL OR (json_type(document, '$.' || $4) = 'text' AND json_extract(document, '$.' || $4) = $5))",
        " AND (name, id) > ($6, $7) ORDER BY name, id LIMIT $8"
    ),
    postgres: concat!(
        "SELECT ",
        columns!(),
        " FROM entity",
        filters!("position(lower($3 COLLATE \"C\") IN lower(name COLLATE \"C\")) > 0)"),
        " AND (CAST($4 AS TEXT) IS NULL OR (json_typeof(CAST(document AS JSON) -> $4) = 'string' AND CAST(document AS JSON) ->> $4 = CAST($5 AS TEXT)))",
        " AND (name, id) > ($6, $7) ORDER BY name, id LIMIT $8"
    ),
};

pub(crate) static LIST_NEWEST: Statement = Statement {
    name: "list_newest",
    sqlite: concat!(
        "SELECT ",
        columns!(),
        " FROM entity",
        filters!("instr(lower(name), lower($3)) > 0)"),
        " AND (CAST($4 AS TEXT) IS NULL OR (json_type(document, '$.' || $4) = 'text' AND json_extract(document, '$.' || $4) = $5))",
        " AND (created_at, id) < ($6, $7) ORDER BY created_at DESC, id DESC LIMIT $8"
    ),
    postgres: concat!(
        "SELECT ",
        columns!(),
        " FROM entity",
        filters!("position(lower($3 COLLATE \"C\") IN lower(name COLLATE \"C\")) > 0)"),
        " AND (CAST($4 AS TEXT) IS NULL OR (json_typeof(CAST(document AS JSON) -> $4) = 'string' AND CAST(document AS JSON) ->> $4 = CAST($5 AS TEXT)))",
        " AND (created_at, id) < ($6, $7) ORDER BY created_at DESC, id DESC LIMIT $8"
    ),
};

pub(crate) static LAST_AUDIT: Statement = both(
    "last_audit",
    "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1",
);

pub(crate) static APPEND_AUDIT: Statement = both(
    "append_audit",
    concat!(
        "INSERT INTO audit (",
        audit_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    ),
);

pub(crate) static AUDIT_SINCE: Statement = both(
    "audit_since",
    concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE revision > $1 ORDER BY number LIMIT $2"
    ),
);

pub(crate) static AUDIT_FROM: Statement = both(
    "audit_from",
    concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE number > $1 ORDER BY number LIMIT $2"
    ),
);

pub(crate) static AUDIT_OF: Statement = both(
    "audit_of",
    concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE revision = $1 ORDER BY number"
    ),
);

pub(crate) static AUDIT_PAGE: Statement = both(
    "audit_page",
    concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE (CAST($1 AS TEXT) IS NULL OR kind = $1) AND (CAST($2 AS TEXT) IS NULL OR id = $2)",
        " AND (CAST($3 AS TEXT) IS NULL OR actor = $3) AND at >= $4 AND at < $5 AND number < $6 ORDER BY number DESC LIMIT $7"
    ),
);

pub(crate) static ANSWER: Statement = both(
    "answer",
    "SELECT key, fingerprint, status, body, expires_at FROM answer WHERE key = $1 AND expires_at > $2",
);

pub(crate) static FORGET_ANSWERS: Statement = both(
    "forget_answers",
    "DELETE FROM answer WHERE expires_at <= $1",
);

pub(crate) static REMEMBER: Statement = both(
    "remember",
    "INSERT INTO answer (key, fingerprint, status, body, expires_at) VALUES ($1, $2, $3, $4, $5)",
);

pub(crate) static HEARTBEAT: Statement = both(
    "heartbeat",
    "INSERT INTO node (name, app, seen_at, revision, problem) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE \
     SET app = excluded.app, seen_at = excluded.seen_at, revision = excluded.revision, problem = excluded.problem",
);

pub(crate) static NODES: Statement = both(
    "nodes",
    "SELECT name, app, seen_at, revision, problem FROM node ORDER BY name",
);

pub(crate) static APPLIED: Statement = both(
    "applied",
    "SELECT version, name, checksum, oldest_reader FROM migration ORDER BY version",
);

pub(crate) static RECORD_MIGRATION: Statement = both(
    "record_migration",
    "INSERT INTO migration (version, name, checksum, oldest_reader, app, applied_at) VALUES ($1, $2, $3, $4, $5, $6)",
);

pub(crate) static NEWEST_ENTITY: Statement = both(
    "newest_entity",
    "SELECT revision FROM entity ORDER BY revision DESC LIMIT 1",
);

/// The tables of the database, before anything is known about them. The one statement that runs on any database.
pub(crate) static TABLES: Statement = Statement {
    name: "tables",
    sqlite: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    postgres: "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1",
};

/// Every statement, for the test that prepares them.
pub static ALL_STATEMENTS: [&Statement; 29] = [
    &REVISION,
    &LOCK_REVISION,
    &SET_REVISION,
    &NOTIFY,
    &LOAD_ALL,
    &LOAD_SINCE,
    &REMOVED_SINCE,
    &OLDEST_AUDIT,
    &GET,
    &OWNER,
    &REMOVE,
    &STORE,
    &LIST_BY_NAME,
    &LIST_NEWEST,
    &LAST_AUDIT,
    &APPEND_AUDIT,
    &AUDIT_SINCE,
    &AUDIT_FROM,
    &AUDIT_OF,
    &AUDIT_PAGE,
    &ANSWER,
    &FORGET_ANSWERS,
    &REMEMBER,
    &HEARTBEAT,
    &NODES,
    &APPLIED,
    &RECORD_MIGRATION,
    &NEWEST_ENTITY,
    &TABLES,
];
