//! The keys of one issuer, ready to check signatures.

use std::time::Instant;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

/// More keys than any issuer has.
const MOST_KEYS: usize = 100;

/// The keys of one issuer.
pub(super) struct Keys {
    all: Vec<Key>,
    /// Different for every fetch.
    pub(super) generation: u64,
    /// When they came.
    pub(super) since: Instant,
}

struct Key {
    id: Option<String>,
    /// The one algorithm it is for, if it says so.
    algorithm: Option<Algorithm>,
    public: DecodingKey,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl Keys {
    /// Reads a key set. Keys that are of no use here (unknown kinds, shared secrets, keys for encryption) are left out.
    ///
    /// # Errors
    /// What is wrong with the document, for the log.
    pub(super) fn read(text: &[u8], generation: u64, since: Instant) -> Result<Self, String> {
        let document: Document<'_> = serde_json::from_slice(text)
            .map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
        let keys: Vec<Key> = document
            .keys
            .iter()
            .filter_map(|one| key(&serde_json::from_str(one.get()).ok()?))
            .take(MOST_KEYS)
            .collect();
        if keys.is_empty() {
            let found = document.keys.len();
            return Err(format!("none of its {found} keys can check signatures"));
        }
        Ok(Self {
            all: keys,
            generation,
            since,
        })
    }

    /// The keys that a token of this header may be signed with.
    pub(super) fn matching<'k>(
        &'k self,
        id: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k DecodingKey> {
        let fits = move |key: &&Key| {
            id.is_none_or(|id| key.id.as_deref() == Some(id))
                && key.algorithm.is_none_or(|own| own == algorithm)
                && key.public.family() == algorithm.family()
        };
        self.all.iter().filter(fits).map(|key| &key.public)
    }
}

fn key(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_))
        || matches!(common.public_key_use, Some(PublicKeyUse::Encryption))
    {
        return None;
    }
    let algorithm = match common.key_algorithm {
        None => None,
        Some(named) => Some(signing(named)?),
    };
    let public = DecodingKey::from_jwk(jwk).ok()?;
    (public.family() != AlgorithmFamily::Hmac).then(|| Key {
        id: common.key_id.clone(),
        algorithm,
        public,
    })
}

/// The algorithm of a key that checks signatures; `None` for others.
const fn signing(named: KeyAlgorithm) -> Option<Algorithm> {
    Some(match named {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::RS384 => Algorithm::RS384,
        KeyAlgorithm::RS512 => Algorithm::RS512,
        KeyAlgorithm::PS256 => Algorithm::PS256,
        KeyAlgorithm::PS384 => Algorithm::PS384,
        KeyAlgorithm::PS512 => Algorithm::PS512,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::ES384 => Algorithm::ES384,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    })
}
