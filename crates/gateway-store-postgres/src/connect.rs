//! Making connections.

use std::collections::HashMap;
use std::future::poll_fn;

use gateway_store::StoreError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::AsyncMessage;

use crate::config::{CONNECT_TIMEOUT, PostgresConfig};
use crate::error::port_error;
use crate::session::PgSession;
use crate::tls::MakeTls;

/// The oldest server.
const OLDEST_SERVER: u32 = 150_000;

/// Makes connections of one configuration.
pub(crate) struct Connector {
    config: PostgresConfig,
    tls: MakeTls,
    place: String,
}

impl Connector {
    pub(crate) fn new(config: PostgresConfig) -> Result<Self, StoreError> {
        Ok(Self {
            tls: MakeTls::new(&config.roots)?,
            place: config.place(),
            config,
        })
    }

    pub(crate) const fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// Connects and sets the connection up. Notifications go to `notified`.
    pub(crate) async fn connect(
        &self,
        notified: Option<mpsc::Sender<()>>,
    ) -> Result<PgSession, StoreError> {
        let made = timeout(CONNECT_TIMEOUT, self.make(notified)).await;
        made.unwrap_or_else(|_| {
            let place = &self.place;
            Err(StoreError::Unavailable(format!(
                "PostgreSQL at {place} did not accept a connection within 5 s"
            )))
        })
    }

    async fn make(&self, notified: Option<mpsc::Sender<()>>) -> Result<PgSession, StoreError> {
        let connected = self.config.server.connect(self.tls.clone()).await;
        let (client, mut connection) = connected.map_err(|error| self.error(&error))?;
        let driver = tokio::spawn(async move {
            // Ends when the connection does, or with the session.
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let (AsyncMessage::Notification(_), Some(notified)) = (message, &notified) {
                    // A notification that waits already says the same.
                    let _ = notified.try_send(());
                }
            }
        });
        let session = PgSession {
            client,
            driver: driver.abort_handle(),
            place: self.place.clone(),
            prepared: HashMap::new(),
        };
        self.set_up(&session).await?;
        Ok(session)
    }

    async fn set_up(&self, session: &PgSession) -> Result<(), StoreError> {
        // The schema's name is letters, digits and `_`.
        let text = format!(
            "SET search_path TO \"{}\"; SET statement_timeout TO '30s'; SET lock_timeout TO '5s'; \
             SET idle_in_transaction_session_timeout TO '5s'; SET synchronous_commit TO on",
            self.config.schema
        );
        let about = async {
            session.client.batch_execute(&text).await?;
            let query =
                "SELECT current_setting('server_version_num'), current_setting('server_encoding')";
            let row = session.client.query_one(query, &[]).await?;
            Ok((row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?))
        };
        let (version, encoding) = about
            .await
            .map_err(|error: tokio_postgres::Error| self.error(&error))?;
        let version: u32 = version.parse().unwrap_or(0);
        let place = &self.place;
        if version < OLDEST_SERVER {
            return Err(StoreError::Schema(format!(
                "PostgreSQL at {place} has version {}; version 15 or later is needed.",
                version / 10_000
            )));
        }
        if encoding != "UTF8" {
            return Err(StoreError::Schema(format!(
                "The database at {place} has the encoding {encoding}; UTF8 is needed."
            )));
        }
        Ok(())
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        port_error(&self.place, error)
    }
}
