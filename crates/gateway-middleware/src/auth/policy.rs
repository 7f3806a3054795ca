//! Who is let in, and what the others are told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_provider::{Access, Principal};
use gateway_schema::{CallError, ErrorKind};
use gateway_sigv4::Fault;
use gateway_store::keys::KeyRecord;

/// Why a caller is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It presents nothing.
    Missing,
    /// It presents something that nobody knows.
    Unknown,
    /// Its key has expired.
    Expired(Arc<str>),
    /// Its key is disabled.
    Disabled(Arc<str>),
    /// Its token is not good.
    Token(TokenFault),
    /// The signature of its request is not good.
    Signature(Fault),
    /// Its token cannot be checked: the issuer's keys are not to be had.
    Unchecked(String),
}

/// What is wrong with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// It cannot be read.
    Malformed,
    /// No issuer of this name is configured.
    Issuer(String),
    /// It is signed by an algorithm that is not accepted.
    Algorithm(String),
    /// The issuer has no such key.
    Key(String),
    /// The signature is not the issuer's.
    Signature,
    /// It has expired, or never does.
    Expired,
    /// It is not valid yet.
    Early,
    /// It is for somebody else.
    Audience,
    /// It does not say whom it is about.
    Subject,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the token cannot be read"),
            Self::Issuer(name) => write!(f, "no issuer '{}' is configured", short(name)),
            Self::Algorithm(name) => write!(f, "the algorithm {} is not accepted", short(name)),
            Self::Key(name) => write!(f, "the issuer has no key '{}'", short(name)),
            Self::Signature => f.write_str("the signature is not the issuer's"),
            Self::Expired => f.write_str("the token has expired, or has no `exp`"),
            Self::Early => f.write_str("the token is not valid yet"),
            Self::Audience => f.write_str("the token is for another audience"),
            Self::Subject => f.write_str("the token has no `sub`"),
        }
    }
}

/// A stranger's word as it may stand in a log.
fn short(text: &str) -> String {
    text.chars()
        .filter(|it| !it.is_control())
        .take(100)
        .collect()
}

impl Refusal {
    /// Its name in metrics.
    pub const fn reason(&self) -> &'static str {
        self.named().1
    }

    const fn named(&self) -> (usize, &'static str) {
        match self {
            Self::Missing => (0, "missing"),
            Self::Unknown => (1, "unknown"),
            Self::Expired(_) => (2, "expired"),
            Self::Disabled(_) => (3, "disabled"),
            Self::Token(_) => (4, "token"),
            Self::Unchecked(_) => (5, "unchecked"),
            Self::Signature(_) => (6, "signature"),
        }
    }

    /// What the caller is told, and the log. Unknown, expired and disabled look the same from outside.
    pub fn into_error(self) -> CallError {
        let refused = || {
            CallError::client(ErrorKind::Unauthenticated, "The API key is not valid.")
                .with_code("invalid_api_key")
        };
        match self {
            Self::Missing => CallError::client(
                ErrorKind::Unauthenticated,
                "No API key was given. Send it as 'Authorization: Bearer <key>' or as 'x-api-key: <key>'.",
            )
            .with_code("missing_api_key")
            .with_detail("auth: no credential"),
            Self::Unknown => refused().with_detail("auth: unknown key"),
            Self::Expired(name) => refused().with_detail(format!("auth: key '{name}' has expired")),
            Self::Disabled(name) => refused().with_detail(format!("auth: key '{name}' is disabled")),
            Self::Token(fault) => refused().with_detail(format!("auth: {fault}")),
            Self::Signature(fault) => {
                let message = match fault {
                    Fault::Skewed => {
                        "The request's signature is dated more than five minutes from now."
                    }
                    _ => "The request's signature is not the one that a known key pair makes.",
                };
                // AWS's status and name for it: its clients know them.
                CallError::client(ErrorKind::Unauthenticated, message)
                    .with_status(403)
                    .with_code("InvalidSignatureException")
                    .with_detail(format!("auth: signature: {fault}"))
            }
            Self::Unchecked(why) => CallError::gateway(
                ErrorKind::Unavailable,
                "Credentials cannot be checked at the moment.",
            )
            .with_code("auth_unavailable")
            .with_detail(format!("auth: {why}")),
        }
    }
}

/// In the order of their numbers.
const REASONS: [&str; 8] = [
    "missing",
    "unknown",
    "expired",
    "disabled",
    "token",
    "unchecked",
    "signature",
    "forbidden",
];

/// How many callers were refused, by reason.
#[derive(Debug, Default)]
pub struct RefusalCounts([AtomicU64; REASONS.len()]);

impl RefusalCounts {
    /// Counts one.
    pub fn count(&self, refusal: &Refusal) {
        self.add(refusal.named().0);
    }

    /// Counts one who is known, and asked an endpoint that is not for it.
    pub fn count_forbidden(&self) {
        self.add(REASONS.len() - 1);
    }

    fn add(&self, number: usize) {
        if let Some(count) = self.0.get(number) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All reasons with their counts.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        REASONS.iter().copied().zip(counts)
    }
}

/// Who presents a key with this record. `now` is in seconds since 1970 and asked for only when it matters.
pub(super) fn judge(
    record: Option<&KeyRecord>,
    now: impl FnOnce() -> i64,
) -> Result<Principal, Refusal> {
    let record = record.ok_or(Refusal::Unknown)?;
    if record.disabled {
        return Err(Refusal::Disabled(Arc::clone(&record.name)));
    }
    if record.expires.is_some_and(|expires| now() >= expires) {
        return Err(Refusal::Expired(Arc::clone(&record.name)));
    }
    let mut principal = Principal::default();
    principal.name = Some(Arc::clone(&record.name));
    principal.metadata = Arc::clone(&record.metadata);
    principal.access = match &record.endpoints {
        None => Access::All,
        Some(names) => Access::Only(Arc::clone(names)),
    };
    Ok(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_000;

    #[test]
    fn only_a_known_enabled_key_before_its_end_is_let_in() {
        let key = || KeyRecord::new("a");
        let table = [
            (None, Err("unknown")),
            (Some(key()), Ok(())),
            (Some(key().with_expiry(NOON + 1)), Ok(())),
            (Some(key().with_expiry(NOON)), Err("expired")),
            (Some(key().with_expiry(NOON - 1)), Err("expired")),
            (Some(key().with_disabled(true)), Err("disabled")),
            (
                Some(key().with_disabled(true).with_expiry(0)),
                Err("disabled"),
            ),
        ];
        for (record, expected) in table {
            let outcome = judge(record.as_ref(), || NOON);
            assert_eq!(
                outcome.map(|_| ()).map_err(|refusal| refusal.reason()),
                expected,
                "{record:?}"
            );
        }
    }

    #[test]
    fn a_stranger_cannot_tell_unknown_from_expired_from_disabled_from_a_bad_token() {
        let told = [
            Refusal::Unknown,
            Refusal::Expired("a".into()),
            Refusal::Disabled("a".into()),
            Refusal::Token(TokenFault::Signature),
        ]
        .map(Refusal::into_error);
        let details: std::collections::HashSet<_> = told
            .iter()
            .map(|it| it.detail().unwrap().to_owned())
            .collect();
        assert_eq!(details.len(), told.len(), "the log tells them apart");
        for error in &told {
            assert_eq!(error.message(), told[0].message());
            assert_eq!(
                (error.kind(), error.code()),
                (told[0].kind(), told[0].code())
            );
            assert_eq!(error.retry_after(), None);
        }
    }

    #[test]
    fn a_principal_asks_what_its_key_lists_and_nothing_else() {
        let record = KeyRecord::new("a").with_endpoints(["chat".into()]);
        let principal = judge(Some(&record), || NOON).unwrap();
        assert_eq!(principal.permit("chat"), Ok(()));
        assert!(principal.permit("chat2").is_err());
        assert!(Principal::default().permit("chat").is_err());
        assert!(Principal::trusted().permit("chat").is_ok());
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let counts = RefusalCounts::default();
        counts.count(&Refusal::Missing);
        counts.count_forbidden();
        counts.count(&Refusal::Missing);
        counts.count(&Refusal::Unknown);
        let read: Vec<_> = counts.read().filter(|(_, count)| *count > 0).collect();
        assert_eq!(read, [("missing", 2), ("unknown", 1), ("forbidden", 1)]);
    }
}
