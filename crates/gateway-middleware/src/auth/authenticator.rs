use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gateway_provider::{Admission, Authenticate, Clock, Presented, Principal, SignedHead};
use gateway_schema::{CallError, Secret};
use gateway_sigv4::{Claim, Fault, verify, verify_head};
use gateway_store::keys::{KeyRecord, KeyStore};

use super::jwt::{Issuer, Look, Tokens};
use super::policy::{Refusal, RefusalCounts, judge};
use super::presented::bare;

/// The services that AWS's clients sign for when they mean a surface of the gateway.
const SERVICES: [&str; 1] = ["bedrock"];

/// A caller that signs its requests by AWS's Signature Version 4.
#[derive(Debug, Clone)]
pub struct Signer {
    secret: Secret,
    record: KeyRecord,
}

impl Signer {
    /// Whoever has the secret half of a key pair is who `record` says.
    pub const fn new(secret: Secret, record: KeyRecord) -> Self {
        Self { secret, record }
    }
}

/// Finds out who calls, by keys and tokens. Clones share everything. See the [module](super).
#[derive(Clone)]
pub struct Authenticator {
    keys: Arc<dyn KeyStore>,
    tokens: Option<Arc<Tokens>>,
    signers: Arc<HashMap<String, Signer>>,
    anonymous: bool,
    clock: Arc<dyn Clock>,
    counts: Arc<RefusalCounts>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("tokens", &self.tokens)
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Lets in whoever has one of `keys`.
    pub fn new(keys: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            tokens: None,
            signers: Arc::default(),
            anonymous: false,
            clock,
            counts: Arc::default(),
        }
    }

    /// Lets in whoever has a token of one of these issuers, too. Of two with the same name the first counts.
    pub fn with_issuers(mut self, issuers: Vec<Issuer>) -> Self {
        self.tokens = (!issuers.is_empty()).then(|| Arc::new(Tokens::new(issuers)));
        self
    }

    /// Lets in whoever signs requests with one of these key pairs, by the public halves, too.
    pub fn with_signers(mut self, signers: impl IntoIterator<Item = (String, Signer)>) -> Self {
        self.signers = Arc::new(signers.into_iter().collect());
        self
    }

    /// States whether callers without a credential are let in.
    pub const fn with_anonymous(mut self, anonymous: bool) -> Self {
        self.anonymous = anonymous;
        self
    }

    /// Counts refusals there.
    pub fn with_counts(mut self, counts: Arc<RefusalCounts>) -> Self {
        self.counts = counts;
        self
    }

    /// How many callers were refused.
    pub fn counts(&self) -> &RefusalCounts {
        &self.counts
    }

    /// Who signed a request.
    fn signer(&self, request: &http::Request<Bytes>) -> Result<Principal, Refusal> {
        let claim = Claim::read(request.headers()).ok_or(Refusal::Unknown)?;
        let now = self.clock.now();
        let signer = self.signers.get(&claim.access_key_id);
        // An unknown key takes as long to refuse as a wrong signature.
        let nobody = Secret::new(String::new());
        let secret = signer.map_or(&nobody, |signer| &signer.secret);
        let verdict = verify(request, &claim, secret, &SERVICES, now);
        let signer = signer.ok_or(Refusal::Signature(Fault::Wrong))?;
        verdict.map_err(Refusal::Signature)?;
        judge(Some(&signer.record), || self.clock.unix_seconds())
    }

    /// What can be said of a signer before the body is there.
    fn signer_of(&self, head: &http::request::Parts) -> Result<SignedHead, Refusal> {
        let claim = Claim::read(&head.headers).ok_or(Refusal::Unknown)?;
        let signer = self.signers.get(&claim.access_key_id);
        // An unknown key takes as long to refuse as a wrong signature.
        let nobody = Secret::new(String::new());
        let secret = signer.map_or(&nobody, |signer| &signer.secret);
        let verdict = verify_head(head, &claim, secret, &SERVICES, self.clock.now());
        let signer = signer.ok_or(Refusal::Signature(Fault::Wrong))?;
        let Some(digest) = verdict.map_err(Refusal::Signature)? else {
            return Ok(SignedHead::NeedsBody);
        };
        let principal = judge(Some(&signer.record), || self.clock.unix_seconds())?;
        Ok(SignedHead::Verified(principal, digest))
    }

    fn settle<T>(&self, outcome: Result<T, Refusal>) -> Result<T, CallError> {
        outcome.map_err(|refusal| {
            self.counts.count(&refusal);
            refusal.into_error()
        })
    }
}

impl Authenticate for Authenticator {
    fn authenticate(&self, presented: Option<&Arc<Presented>>) -> Admission {
        let Some(presented) = presented else {
            let outcome = if self.anonymous {
                Ok(Principal::trusted())
            } else {
                Err(Refusal::Missing)
            };
            return Admission::Ready(self.settle(outcome));
        };
        if let Some(request) = &presented.signed {
            return Admission::Ready(self.settle(self.signer(request)));
        }
        let credential = bare(presented);
        let record = self.keys.find(&credential);
        if let (None, Some(tokens)) = (&record, &self.tokens)
            && Tokens::looks_like_one(&credential)
        {
            return match tokens.look(&credential, self.clock.unix_seconds()) {
                Look::Known(outcome) => Admission::Ready(self.settle(outcome)),
                Look::Fetch => {
                    let this = self.clone();
                    let (tokens, token) = (Arc::clone(tokens), credential.into_owned());
                    Admission::Waiting(Box::pin(async move {
                        tokens.fetch_for(&token).await;
                        let outcome = tokens.last_look(&token, this.clock.unix_seconds());
                        this.settle(outcome)
                    }))
                }
            };
        }
        Admission::Ready(self.settle(judge(record.as_deref(), || self.clock.unix_seconds())))
    }

    fn authenticate_head(&self, head: &http::request::Parts) -> Result<SignedHead, CallError> {
        self.settle(self.signer_of(head))
    }

    fn permit(&self, principal: &Principal, name: &str) -> Result<(), CallError> {
        principal
            .permit(name)
            .inspect_err(|_| self.counts.count_forbidden())
    }
}
