//! A connection as the operations see it.

use std::collections::HashMap;
use std::error::Error as StdError;

use futures_util::future::try_join_all;
use gateway_sql::{Backend, Row, Session, Statement, Value};
use gateway_store::StoreError;
use tokio::task::AbortHandle;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

use crate::error::port_error;

/// How many statements are under way at once.
const PIPELINE: usize = 500;

/// A connection. The task that drives it ends with it.
pub(crate) struct PgSession {
    pub(crate) client: Client,
    pub(crate) driver: AbortHandle,
    pub(crate) place: String,
    pub(crate) prepared: HashMap<&'static str, tokio_postgres::Statement>,
}

impl Drop for PgSession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[derive(Debug)]
struct Bound(Value);

impl ToSql for Bound {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            // The server may take a number for a text, as in the payload of a notification.
            Value::Integer(number) if *kind == Type::TEXT => number.to_string().to_sql(kind, out),
            Value::Integer(number) => number.to_sql(kind, out),
            Value::Text(text) => text.to_sql(kind, out),
            Value::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl PgSession {
    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    async fn prepared(
        &mut self,
        statement: &'static Statement,
    ) -> Result<tokio_postgres::Statement, Error> {
        if let Some(prepared) = self.prepared.get(statement.name) {
            return Ok(prepared.clone());
        }
        let prepared = self
            .client
            .prepare(statement.text(Backend::Postgres))
            .await?;
        self.prepared.insert(statement.name, prepared.clone());
        Ok(prepared)
    }

    fn error(&self, error: &Error) -> StoreError {
        port_error(&self.place, error)
    }
}

async fn rows(
    client: &Client,
    statement: &tokio_postgres::Statement,
    values: Vec<Value>,
) -> Result<Vec<Row>, Error> {
    let bound: Vec<Bound> = values.into_iter().map(Bound).collect();
    let found = client.query_raw(statement, &bound).await?;
    let found: Vec<_> = futures_util::TryStreamExt::try_collect(found).await?;
    found.iter().map(row).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(at, column)| {
        Ok(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(at)?.map(Value::Integer),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
            _ => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
        }
        .unwrap_or(Value::Null))
    });
    values.collect::<Result<_, Error>>().map(Row::new)
}

impl Session for PgSession {
    fn backend(&self) -> Backend {
        Backend::Postgres
    }

    async fn run(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let found = async {
            let prepared = self.prepared(statement).await?;
            rows(&self.client, &prepared, values).await
        };
        found.await.map_err(|error| self.error(&error))
    }

    async fn run_each(
        &mut self,
        statement: &'static Statement,
        sets: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let found = async {
            let prepared = self.prepared(statement).await?;
            let mut found = Vec::with_capacity(sets.len());
            let mut sets = sets.into_iter();
            loop {
                let some: Vec<_> = sets.by_ref().take(PIPELINE).collect();
                if some.is_empty() {
                    return Ok(found);
                }
                let under_way = some
                    .into_iter()
                    .map(|values| rows(&self.client, &prepared, values));
                found.extend(try_join_all(under_way).await?);
            }
        };
        found.await.map_err(|error: Error| self.error(&error))
    }

    async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        let done = self.client.batch_execute(text).await;
        done.map_err(|error| match self.error(&error) {
            // The server may have made it, and its answer was lost.
            StoreError::Unavailable(why) if text == "COMMIT" && error.code().is_none() => {
                StoreError::Unknown(why)
            }
            error => error,
        })
    }
}
