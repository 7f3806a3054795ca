//! What a provider is asked with.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use gateway_schema::{CallError, ErrorKind, Secret};

/// The wall clock, as an argument.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> SystemTime;

    /// Seconds since 1970.
    fn unix_seconds(&self) -> i64 {
        self.now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            })
    }
}

/// The credential of one attempt.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// None needed.
    None,
    /// An API key or a bearer token.
    Key(Secret),
    /// An AWS key pair.
    Aws {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: Secret,
        /// The session token of temporary keys.
        session_token: Option<Secret>,
    },
}

impl Credential {
    /// The key, for a provider that takes nothing else; `who` names it to people.
    ///
    /// # Errors
    /// Of kind internal, for every other credential.
    pub fn key_for(&self, who: &str) -> Result<&Secret, CallError> {
        match self {
            Self::Key(key) => Ok(key),
            _ => Err(CallError::gateway(
                ErrorKind::Internal,
                format!("{who} needs an API key."),
            )),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Key(_) => "Key([secret])",
            Self::Aws { .. } => "Aws([secret])",
        })
    }
}

/// Gives credentials: a fixed key, a rotation of keys, a token that is fetched and refreshed.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The credential for the next attempt.
    ///
    /// # Errors
    /// When none can be had (token endpoint down, all keys resting).
    async fn get(&self) -> Result<Arc<Credential>, CallError>;

    /// Learns how an attempt with `credential` went, so that a rejected or exhausted key can rest alone.
    fn report(&self, credential: &Arc<Credential>, outcome: Result<(), &CallError>) {
        let _ = (credential, outcome);
    }

    /// How long the credential is good for, if that is known.
    fn remaining(&self) -> Option<Duration> {
        None
    }
}

/// One credential that never changes.
#[derive(Debug, Clone)]
pub struct StaticCredential(Arc<Credential>);

impl StaticCredential {
    /// Always gives `credential`.
    pub fn new(credential: Credential) -> Self {
        Self(Arc::new(credential))
    }

    /// Always gives this key.
    pub fn key(key: impl Into<String>) -> Self {
        Self::new(Credential::Key(Secret::new(key.into())))
    }

    /// Always gives this key, or [`Credential::None`] where there is none.
    pub fn optional(key: Option<Secret>) -> Self {
        Self::new(key.map_or(Credential::None, Credential::Key))
    }
}

#[async_trait]
impl Credentials for StaticCredential {
    async fn get(&self) -> Result<Arc<Credential>, CallError> {
        Ok(Arc::clone(&self.0))
    }
}
