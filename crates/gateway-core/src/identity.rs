//! Who may call, from the configuration.

use std::sync::Arc;

use gateway_config::{Auth, CallerKey, Issuer as IssuerPlan, Jwks};
use gateway_middleware::auth::{
    Authenticator, Issuer, KeySetSource, KeySets, RefusalCounts, Signer,
};
use gateway_provider::{Authenticate, Deps};
use gateway_store::keys::{HashKey, KeyRecord, KeyStore, MemoryKeys};
use serde_json::Value;

use crate::error::BuildError;

/// What outlives a plan: fetched key sets, and how many callers were refused.
#[derive(Default)]
pub(crate) struct Identity {
    key_sets: KeySets,
    /// Keys that are not the plan's.
    pub(crate) keys: Option<Arc<dyn KeyStore>>,
    pub(crate) refused: Arc<RefusalCounts>,
}

impl Identity {
    /// Who asks callers for credentials, if anybody does.
    pub(crate) fn build(
        &self,
        auth: Option<&Auth>,
        deps: &Deps,
    ) -> Result<Option<Arc<dyn Authenticate>>, BuildError> {
        let none = Auth::default();
        let auth = match (auth, &self.keys) {
            (Some(auth), _) => auth,
            (None, Some(_)) => &none,
            (None, None) => return Ok(None),
        };
        // A hash key for each plan: digests of an old one say nothing about a new one.
        let hash = HashKey::random().map_err(|_| BuildError::NoRandomness)?;
        let keys = auth
            .keys
            .iter()
            .map(|key| (key.key.expose().as_str(), record(key)));
        let issuers = auth
            .jwt
            .iter()
            .map(|plan| self.issuer(plan, deps))
            .collect();
        let keys: Arc<dyn KeyStore> = Arc::new(MemoryKeys::new(hash, keys));
        let keys = match &self.keys {
            Some(others) => Arc::new(KeyChain(keys, Arc::clone(others))),
            None => keys,
        };
        let authenticator = Authenticator::new(keys, Arc::clone(&deps.clock))
            .with_issuers(issuers)
            .with_signers(auth.keys.iter().filter_map(signer))
            .with_anonymous(auth.anonymous)
            .with_counts(Arc::clone(&self.refused));
        Ok(Some(Arc::new(authenticator)))
    }

    fn issuer(&self, plan: &IssuerPlan, deps: &Deps) -> Issuer {
        let source = match &plan.jwks {
            Jwks::Url(url) => KeySetSource::Url(url.clone(), Arc::clone(&deps.transport)),
            Jwks::File(path) => KeySetSource::File(path.clone(), Arc::clone(&deps.environment)),
        };
        let keys = self.key_sets.get(source);
        Issuer::new(plan.issuer.clone(), keys, plan.audience.clone())
            .with_claims(plan.claims.clone())
    }
}

/// Keys of the plan, then others.
struct KeyChain(Arc<dyn KeyStore>, Arc<dyn KeyStore>);

impl KeyStore for KeyChain {
    fn find(&self, key: &str) -> Option<Arc<KeyRecord>> {
        self.0.find(key).or_else(|| self.1.find(key))
    }
}

fn signer(key: &CallerKey) -> Option<(String, Signer)> {
    let pair = key.aws.as_ref()?;
    let signer = Signer::new(pair.secret_access_key.clone(), record(key));
    Some((pair.access_key_id.clone(), signer))
}

fn record(key: &CallerKey) -> KeyRecord {
    let facts = key.metadata.iter();
    let facts = facts.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut record = KeyRecord::new(key.name.as_str())
        .with_disabled(key.disabled)
        .with_metadata(facts.collect());
    if let Some(endpoints) = &key.endpoints {
        record = record.with_endpoints(endpoints.iter().cloned());
    }
    if let Some(expires) = &key.expires {
        record = record.with_expiry(expires.unix_seconds);
    }
    record
}
