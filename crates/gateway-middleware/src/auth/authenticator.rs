use std::fmt;
use std::sync::Arc;

use gateway_provider::{Admission, Authenticate, Clock, Presented, Principal};
use gateway_schema::CallError;
use gateway_store::keys::KeyStore;

use super::jwt::{Issuer, Look, Tokens};
use super::policy::{Refusal, RefusalCounts, judge};
use super::presented::bare;

/// Finds out who calls, by keys and tokens. Clones share everything. See the [module](super).
#[derive(Clone)]
pub struct Authenticator {
    keys: Arc<dyn KeyStore>,
    tokens: Option<Arc<Tokens>>,
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

    fn settle(&self, outcome: Result<Principal, Refusal>) -> Result<Principal, CallError> {
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
        let credential = bare(presented);
        let record = self.keys.find(&credential);
        if let (None, Some(tokens)) = (record, &self.tokens)
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
        Admission::Ready(self.settle(judge(record, || self.clock.unix_seconds())))
    }

    fn permit(&self, principal: &Principal, name: &str) -> Result<(), CallError> {
        principal
            .permit(name)
            .inspect_err(|_| self.counts.count_forbidden())
    }
}
