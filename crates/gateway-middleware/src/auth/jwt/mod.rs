//! Tokens of configured issuers. Spec: RFC 7519, RFC 7517, RFC 8725, read 2026-11-21.

mod claims;
mod key_set;
mod keys;

use std::fmt;
use std::sync::Arc;

use gateway_provider::Principal;
use gateway_store::keys::{Digest, HashKey};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, Header, Validation};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::policy::{Refusal, TokenFault};
use keys::Keys;

pub use claims::Issuer;
pub use key_set::{KeySet, KeySetSource, KeySets};

/// Longer ones are no tokens.
const MAX_TOKEN: usize = 16 * 1024;
/// Tokens whose signature was checked, kept so that a token that comes with every request is checked once.
const KEPT_TOKENS: usize = 10_000;

/// The algorithms that are accepted. None of them lets whoever knows an issuer's public keys make tokens.
const ACCEPTED: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a look at a token says.
pub(super) enum Look {
    Known(Result<Principal, Refusal>),
    /// The issuer's keys must be fetched first.
    Fetch,
}

/// A token whose signature is good.
struct Verified {
    principal: Principal,
    /// When it can be used, leeway included, in seconds since 1970.
    from: i64,
    until: i64,
    issuer: usize,
    /// The keys it was checked with. Other keys: check again.
    generation: u64,
}

/// Checks tokens.
pub(super) struct Tokens {
    issuers: Vec<Issuer>,
    /// `None` on a machine without randomness: then every token is checked every time.
    verified: Option<(HashKey, Cache<Digest, Arc<Verified>>)>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

/// What is read of a token before its signature is checked: whose key to check it with.
#[derive(Deserialize)]
struct Unverified {
    iss: Option<String>,
}

impl Tokens {
    pub(super) fn new(issuers: Vec<Issuer>) -> Self {
        let hash = HashKey::random().ok();
        Self {
            issuers,
            verified: hash.map(|hash| (hash, Cache::new(KEPT_TOKENS))),
        }
    }

    /// True for three parts with dots between that begin as a JSON object does in base64.
    pub(super) fn looks_like_one(credential: &str) -> bool {
        credential.len() <= MAX_TOKEN
            && credential.starts_with("ey")
            && credential.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whose token it is, from what is here.
    pub(super) fn look(&self, token: &str, now: i64) -> Look {
        let digest = self.digest(token);
        if let Some(known) = self.remembered(digest.as_ref(), now) {
            return Look::Known(Ok(known));
        }
        match self.check(token, digest, now) {
            // This call brings the keys up to date for those after it.
            Ok((issuer, _)) if issuer.keys.is_due() => Look::Fetch,
            Ok((_, principal)) => Look::Known(Ok(principal)),
            Err(Fault::Keys(_)) => Look::Fetch,
            Err(Fault::Token(refusal)) => Look::Known(Err(refusal)),
        }
    }

    /// Fetches the keys of the token's issuer.
    pub(super) async fn fetch_for(&self, token: &str) {
        if let Ok((_, issuer)) = self.issuer(token) {
            issuer.keys.fetch().await;
        }
    }

    /// Whose token it is, after everything was tried.
    pub(super) fn last_look(&self, token: &str, now: i64) -> Result<Principal, Refusal> {
        match self.check(token, self.digest(token), now) {
            Ok((_, principal)) => Ok(principal),
            Err(Fault::Keys(refusal) | Fault::Token(refusal)) => Err(refusal),
        }
    }

    fn digest(&self, token: &str) -> Option<Digest> {
        self.verified.as_ref().map(|(hash, _)| hash.digest(token))
    }

    /// Who presented the same token before. Nothing is remembered that is not good any more, nor beyond the moment when
    /// the issuer's keys should be fetched anew.
    fn remembered(&self, digest: Option<&Digest>, now: i64) -> Option<Principal> {
        let (_, cache) = self.verified.as_ref()?;
        let known = cache.get(digest?)?;
        let keys = &self.issuers.get(known.issuer)?.keys;
        let present = keys.present()?;
        let same = present.as_ref()?.generation == known.generation;
        (same && (known.from..known.until).contains(&now) && !keys.is_due())
            .then(|| known.principal.clone())
    }

    fn issuer(&self, token: &str) -> Result<(usize, &Issuer), TokenFault> {
        let claims: Unverified =
            insecure_decode_claims(token).map_err(|_| TokenFault::Malformed)?;
        let name = claims.iss.unwrap_or_default();
        let mut issuers = self.issuers.iter().enumerate();
        issuers
            .find(|(_, issuer)| issuer.name == name)
            .ok_or(TokenFault::Issuer(name))
    }

    fn check(
        &self,
        token: &str,
        digest: Option<Digest>,
        now: i64,
    ) -> Result<(&Issuer, Principal), Fault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Malformed)?;
        if !ACCEPTED.contains(&header.alg) {
            return Err(TokenFault::Algorithm(format!("{:?}", header.alg)).into());
        }
        if header.crit.is_some() {
            // Extensions that must be understood, and are not.
            return Err(TokenFault::Malformed.into());
        }
        let (index, issuer) = self.issuer(token)?;
        let present = issuer.keys.present();
        let Some(keys) = present.as_ref().and_then(|keys| keys.as_ref()) else {
            let why = format!("the key set of '{}' cannot be had", issuer.name);
            return Err(Fault::Keys(Refusal::Unchecked(why)));
        };
        let claims = match claims(token, &header, keys) {
            Err(fault @ TokenFault::Key(_)) if issuer.keys.may_bring_more() => {
                return Err(Fault::Keys(Refusal::Token(fault)));
            }
            other => other?,
        };
        let admitted = issuer.admit(&claims, now)?;
        if let (Some((_, cache)), Some(digest)) = (&self.verified, digest) {
            let verified = Verified {
                principal: admitted.principal.clone(),
                from: admitted.from,
                until: admitted.until,
                issuer: index,
                generation: keys.generation,
            };
            cache.insert(digest, Arc::new(verified));
        }
        Ok((issuer, admitted.principal))
    }
}

/// Why a token is not taken.
enum Fault {
    /// Newer keys may help.
    Keys(Refusal),
    /// Nothing helps.
    Token(Refusal),
}

impl From<TokenFault> for Fault {
    fn from(fault: TokenFault) -> Self {
        Self::Token(Refusal::Token(fault))
    }
}

/// The claims, if one of the keys signed them. What they say is not looked at.
fn claims(token: &str, header: &Header, keys: &Keys) -> Result<Map<String, Value>, TokenFault> {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let mut tried = false;
    for key in keys.matching(header.kid.as_deref(), header.alg) {
        tried = true;
        if let Ok(data) = jsonwebtoken::decode(token, key, &validation) {
            return Ok(data.claims);
        }
    }
    Err(if tried {
        TokenFault::Signature
    } else {
        TokenFault::Key(header.kid.clone().unwrap_or_default())
    })
}
