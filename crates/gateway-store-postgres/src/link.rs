//! A connection that is made again when it broke.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway_store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::connect::Connector;
use crate::session::PgSession;

/// How long an operation may take, over the time limits of the server.
const OPERATION: Duration = Duration::from_secs(40);

/// How long an operation waits for those before it.
const TURN: Duration = Duration::from_secs(10);

/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection, or the reason why there is none.
pub(crate) struct Link {
    connector: Arc<Connector>,
    session: Option<PgSession>,
    pause: Duration,
    refused: Option<(Instant, StoreError)>,
}

/// A link that several tasks use, one after the other.
pub(crate) type SharedLink = Arc<Mutex<Link>>;

impl Link {
    pub(crate) fn new(connector: Arc<Connector>) -> SharedLink {
        Arc::new(Mutex::new(Self {
            connector,
            session: None,
            pause: Duration::ZERO,
            refused: None,
        }))
    }

    /// The connection, made if there is none. Within a pause the last refusal is repeated, so that nothing piles up.
    async fn session(&mut self) -> Result<&mut PgSession, StoreError> {
        if self.session.as_ref().is_some_and(PgSession::is_closed) {
            self.session = None;
        }
        if self.session.is_none() {
            self.session = Some(self.connect().await?);
        }
        self.session.as_mut().ok_or_else(|| {
            StoreError::Unavailable("there is no connection to PostgreSQL".to_owned())
        })
    }

    async fn connect(&mut self) -> Result<PgSession, StoreError> {
        if let Some((until, refused)) = &self.refused
            && Instant::now() < *until
        {
            return Err(refused.clone());
        }
        match self.connector.connect(None).await {
            Ok(session) => {
                (self.pause, self.refused) = (Duration::ZERO, None);
                Ok(session)
            }
            Err(error) => {
                self.pause = (self.pause * 2).clamp(Duration::from_millis(50), LONGEST_PAUSE);
                self.refused = Some((Instant::now() + self.pause, error.clone()));
                Err(error)
            }
        }
    }

    /// Runs an operation; once more on a new connection if the first broke and the operation cannot have had an effect.
    async fn attempt<T, F>(&mut self, operation: &F) -> Result<T, StoreError>
    where
        F: for<'s> Fn(&'s mut PgSession) -> BoxFuture<'s, Result<T, StoreError>>,
    {
        let mut again = true;
        loop {
            let session = self.session().await?;
            let done = timeout(OPERATION, operation(session)).await;
            let broken = done.is_err() || session.is_closed();
            if broken {
                self.session = None;
            }
            match done {
                Ok(Err(StoreError::Unavailable(_))) if broken && again => again = false,
                Ok(done) => return done,
                Err(_) => {
                    return Err(StoreError::Unknown(
                        "the operation took more than 40 s".to_owned(),
                    ));
                }
            }
        }
    }
}

/// Runs an operation on a link, in a task of its own: a caller that leaves does not break a transaction.
pub(crate) async fn run<T, F>(link: &SharedLink, operation: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: for<'s> Fn(&'s mut PgSession) -> BoxFuture<'s, Result<T, StoreError>>
        + Send
        + Sync
        + 'static,
{
    let link = Arc::clone(link);
    let task = tokio::spawn(async move {
        let Ok(mut link) = timeout(TURN, link.lock()).await else {
            return Err(StoreError::Unavailable(
                "operations of the store before this one take more than 10 s".to_owned(),
            ));
        };
        link.attempt(&operation).await
    });
    task.await
        .unwrap_or_else(|_| Err(StoreError::Unknown("the program ends".to_owned())))
}
