//! A credential that is fetched once for all calls, and again before it expires.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use gateway_provider::{Clock, Credential, Credentials};
use gateway_schema::CallError;
use tokio::sync::Mutex;

use super::{Fresh, Source, none};

/// From here on one call fetches a new one while the others use the old.
const EARLY: Duration = Duration::from_mins(5);
/// From here on the old one is used no more.
const LATE: Duration = Duration::from_secs(30);

/// Keeps what a source gives.
pub(super) struct Cached<S> {
    source: S,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<Fresh>>,
    /// Held by the call that fetches.
    fetching: Mutex<()>,
}

/// How a credential stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Ageing,
    Gone,
}

impl<S: Source> Cached<S> {
    pub(super) fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            current: RwLock::new(None),
            fetching: Mutex::new(()),
        }
    }

    fn current(&self) -> (Option<Arc<Credential>>, State) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let Some(fresh) = current.as_ref() else {
            return (None, State::Gone);
        };
        let state = match fresh
            .until
            .map(|until| until.duration_since(self.clock.now()))
        {
            None => State::Good,
            Some(Ok(left)) if left > EARLY => State::Good,
            Some(Ok(left)) if left > LATE => State::Ageing,
            Some(_) => State::Gone,
        };
        (Some(Arc::clone(&fresh.credential)), state)
    }

    async fn fetch(&self) -> Result<Arc<Credential>, CallError> {
        let fresh = self.source.fetch().await?.ok_or_else(|| {
            none(
                "No AWS credentials were found: neither in the configuration, nor in the environment, the shared \
                 profile, the container or the instance.",
            )
        })?;
        let credential = Arc::clone(&fresh.credential);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(credential)
    }
}

#[async_trait]
impl<S: Source> Credentials for Cached<S> {
    async fn get(&self) -> Result<Arc<Credential>, CallError> {
        match self.current() {
            (Some(credential), State::Good) => return Ok(credential),
            (Some(credential), State::Ageing) => {
                let Ok(_guard) = self.fetching.try_lock() else {
                    return Ok(credential);
                };
                // A failure now is no harm: there is time to try again.
                return Ok(self.fetch().await.unwrap_or(credential));
            }
            _ => {}
        }
        let _guard = self.fetching.lock().await;
        // Another call may have fetched it meanwhile.
        match self.current() {
            (Some(credential), State::Good | State::Ageing) => Ok(credential),
            _ => self.fetch().await,
        }
    }

    fn report(&self, credential: &Arc<Credential>, outcome: Result<(), &CallError>) {
        let Err(error) = outcome else { return };
        let expired = error
            .upstream_failure()
            .and_then(|failure| failure.error_type.as_deref())
            .is_some_and(|name| {
                matches!(
                    name,
                    "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException"
                )
            });
        if expired {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            if current
                .as_ref()
                .is_some_and(|fresh| Arc::ptr_eq(&fresh.credential, credential))
            {
                *current = None;
            }
        }
    }

    fn remaining(&self) -> Option<Duration> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let until = current.as_ref()?.until?;
        until.duration_since(self.clock.now()).ok()
    }
}
