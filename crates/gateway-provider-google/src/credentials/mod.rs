//! Tokens of Google Cloud: fetched once, kept until shortly before they expire, fetched by one call at a time.
//!
//! | source | token |
//! |---|---|
//! | a service account (JSON key) | a signed assertion is exchanged at its `token_uri` |
//! | a user (`gcloud auth application-default login`) | the refresh token is exchanged |
//! | another identity provider (workload identity federation) | its token is exchanged: see `external` |
//! | the metadata server of a machine in Google Cloud | asked for the default service account's token |
//!
//! Without credentials in the configuration, application default credentials are looked for as Google's libraries do:
//! the file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's own file, the metadata server.
//! Reference: <https://cloud.google.com/docs/authentication/application-default-credentials>, read 2026-11-21.

mod ask;
mod external;
mod source;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use gateway_provider::{Clock, Credential, Credentials, Deps, Environment, Transport};
use gateway_schema::{CallError, ErrorKind, OptionProblem, Secret};
use serde_json::Value;

use ask::{Asking, lifetime};
use source::Source;
pub(crate) use source::check;

/// A token is fetched anew this long before it expires, as Google's own libraries do.
const EARLY: Duration = Duration::from_secs(225);

/// Gives tokens of one account.
pub(crate) struct GoogleCredentials {
    source: Source,
    transport: Arc<dyn Transport>,
    environment: Arc<dyn Environment>,
    clock: Arc<dyn Clock>,
    token: RwLock<Option<Token>>,
    /// Held while a token is fetched, so that the others wait for it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    credential: Arc<Credential>,
    expires: SystemTime,
}

impl std::fmt::Debug for GoogleCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GoogleCredentials")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl GoogleCredentials {
    /// Finds the account: `configured` is JSON text, or the path of a file with it.
    pub(crate) fn new(configured: Option<&str>, deps: &Deps) -> Result<Self, Vec<OptionProblem>> {
        let source = Source::find(configured, &*deps.environment)
            .map_err(|message| vec![OptionProblem::new("vertex_credentials", message)])?;
        Ok(Self {
            source,
            transport: Arc::clone(&deps.transport),
            environment: Arc::clone(&deps.environment),
            clock: Arc::clone(&deps.clock),
            token: RwLock::new(None),
            fetching: tokio::sync::Mutex::new(()),
        })
    }

    fn known(&self) -> Option<Token> {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, token: Option<Token>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// A known token that is good for longer than `early`.
    fn good(&self, early: Duration) -> Option<Arc<Credential>> {
        let token = self.known()?;
        let left = token.expires.duration_since(self.clock.now()).ok()?;
        (left > early).then_some(token.credential)
    }

    async fn fetch(&self) -> Result<Token, CallError> {
        let now = self.clock.now();
        let asking = Asking {
            transport: &*self.transport,
            environment: &*self.environment,
            now,
        };
        let (token, expires) = if let Source::External(external) = &self.source {
            external.fetch(&asking).await?
        } else {
            let request = self.source.request(self.clock.unix_seconds())?;
            let answer = asking.token(request).await?;
            let token = answer.get("access_token").and_then(Value::as_str);
            let token = Secret::new(token.unwrap_or_default().to_owned());
            (token, now + lifetime(&answer))
        };
        Ok(Token {
            credential: Arc::new(Credential::Key(token)),
            expires,
        })
    }
}

#[async_trait]
impl Credentials for GoogleCredentials {
    async fn get(&self) -> Result<Arc<Credential>, CallError> {
        if let Some(credential) = self.good(EARLY) {
            return Ok(credential);
        }
        let _alone = self.fetching.lock().await;
        // Somebody else may have fetched it meanwhile.
        if let Some(credential) = self.good(EARLY) {
            return Ok(credential);
        }
        match self.fetch().await {
            Ok(token) => {
                let credential = Arc::clone(&token.credential);
                self.keep(Some(token));
                Ok(credential)
            }
            // The old one may serve until it is over.
            Err(error) => self.good(Duration::ZERO).ok_or(error),
        }
    }

    fn report(&self, credential: &Arc<Credential>, outcome: Result<(), &CallError>) {
        let is_refused = outcome.is_err_and(|error| error.kind() == ErrorKind::Unauthenticated);
        let is_known = self
            .known()
            .is_some_and(|token| Arc::ptr_eq(&token.credential, credential));
        if is_refused && is_known {
            self.keep(None);
        }
    }

    fn remaining(&self) -> Option<Duration> {
        self.known()?.expires.duration_since(self.clock.now()).ok()
    }
}
