//! A connection as the operations see it.

use std::path::Path;

use gateway_sql::{Backend, Row, Session, Statement, Value};
use gateway_store::StoreError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::error::port_error;

/// A borrowed connection. Nothing in it waits: its futures are ready at once.
pub(crate) struct SqliteSession<'c> {
    pub(crate) connection: &'c mut Connection,
    pub(crate) path: &'c Path,
}

struct Bound(Value);

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl SqliteSession<'_> {
    fn rows(&self, statement: &Statement, values: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
        let text = statement.text(Backend::Sqlite);
        let mut prepared = self.connection.prepare_cached(text)?;
        let columns = prepared.column_count();
        let mut found = prepared.query(params_from_iter(values.into_iter().map(Bound)))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let values = (0..columns).map(|column| value(row.get_ref(column)?));
            rows.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
        }
        Ok(rows)
    }

    fn error(&self, error: &rusqlite::Error) -> StoreError {
        port_error(self.path, error)
    }
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        // No column is of this type; its text is refused where a number is expected.
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}

impl Session for SqliteSession<'_> {
    fn backend(&self) -> Backend {
        Backend::Sqlite
    }

    async fn run(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows(statement, values)
            .map_err(|error| self.error(&error))
    }

    async fn run_each(
        &mut self,
        statement: &'static Statement,
        sets: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        sets.into_iter()
            .map(|values| self.rows(statement, values))
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| self.error(&error))
    }

    async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        self.connection
            .execute_batch(text)
            .map_err(|error| self.error(&error))
    }
}
