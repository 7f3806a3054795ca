//! Who calls: fixed keys, a role, or what AWS's own clients would find.

mod cached;
mod chain;
mod http;
mod metadata;
mod sts;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use gateway_provider::{Credential, Credentials, Deps, StaticCredential};
use gateway_schema::{CallError, ErrorKind, Secret};

use crate::options::{Identity, Keys, Settings};
use crate::place::Place;
use cached::Cached;
use chain::Chain;
use sts::{AssumeRole, Sts};

/// A credential, and until when it is good; `None` for ever.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) credential: Arc<Credential>,
    pub(crate) until: Option<SystemTime>,
}

impl Fresh {
    fn new(credential: Credential, until: Option<SystemTime>) -> Self {
        Self {
            credential: Arc::new(credential),
            until,
        }
    }
}

/// Fetches credentials. Asked again when the last one is about to expire.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// A credential that is good from now on; `None` when there is none to be found here.
    async fn fetch(&self) -> Result<Option<Fresh>, CallError>;
}

/// An AWS key pair as a credential.
fn pair(id: impl Into<String>, secret: Secret, token: Option<Secret>) -> Credential {
    Credential::Aws {
        access_key_id: id.into(),
        secret_access_key: secret,
        session_token: token,
    }
}

/// Keys that do not change.
struct Fixed(Fresh);

impl Fixed {
    fn new(keys: &Keys) -> Self {
        let credential = pair(keys.id.clone(), keys.secret.clone(), keys.token.clone());
        Self(Fresh::new(credential, None))
    }
}

#[async_trait]
impl Source for Fixed {
    async fn fetch(&self) -> Result<Option<Fresh>, CallError> {
        Ok(Some(self.0.clone()))
    }
}

/// The credentials that the settings name.
pub(crate) fn find(settings: &Settings, place: &Place, deps: &Deps) -> Arc<dyn Credentials> {
    let chain = || Chain::new(settings.profile.clone(), place, deps);
    match &settings.identity {
        Identity::Bearer(token) => Arc::new(StaticCredential::key(token.expose().clone())),
        Identity::Keys(keys) => Arc::new(StaticCredential::new(pair(
            keys.id.clone(),
            keys.secret.clone(),
            keys.token.clone(),
        ))),
        Identity::Role(role, keys) => {
            let base: Arc<dyn Source> = match keys {
                Some(keys) => Arc::new(Fixed::new(keys)),
                None => Arc::new(chain()),
            };
            let assume = AssumeRole::new(role.clone(), base, Sts::new(place, deps));
            Arc::new(Cached::new(assume, Arc::clone(&deps.clock)))
        }
        Identity::Default => Arc::new(Cached::new(chain(), Arc::clone(&deps.clock))),
    }
}

/// Nothing was found, or what was found cannot be used.
fn none(why: impl Into<std::borrow::Cow<'static, str>>) -> CallError {
    CallError::gateway(ErrorKind::Unavailable, why)
        .with_retry(gateway_schema::Retry::Elsewhere)
        .with_code("aws_credentials")
}
