//! Whether a signature is what its key makes.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time;
use bytes::Bytes;
use gateway_schema::Secret;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::sign::{ALGORITHM, DATE, Scope, hash, signature};
use crate::{canonical, digest, time};

/// How far a signature's date may be from now, either way; as AWS has it.
pub const MAX_SKEW: Duration = Duration::from_mins(5);

/// What an `Authorization` header claims.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The public half of the key pair.
    pub access_key_id: String,
    day: String,
    region: String,
    service: String,
    signed: Vec<String>,
    signature: String,
}

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Something that every signature covers is not signed: the name of the header.
    Unsigned(&'static str),
    /// It is for another service.
    Service(String),
    /// There is no date, or another one than in the scope.
    Date,
    /// Its date is too far from now.
    Skewed,
    /// The head says something else of the body than its SHA-256.
    Payload,
    /// It is not what the key makes of this request.
    Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(name) => write!(f, "the header {name} is not signed"),
            Self::Service(name) => {
                let name: String = name
                    .chars()
                    .filter(|it| !it.is_control())
                    .take(40)
                    .collect();
                write!(f, "it is for the service '{name}'")
            }
            Self::Date => f.write_str("x-amz-date is missing or does not fit"),
            Self::Skewed => f.write_str("its date is more than five minutes from now"),
            Self::Payload => {
                f.write_str("x-amz-content-sha256 is not the SHA-256 of a body in hex")
            }
            Self::Wrong => f.write_str("it is not what the key makes of this request"),
        }
    }
}

impl Claim {
    /// Reads the claim of a request; `None` when it is not signed this way.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let rest = text.trim().strip_prefix(ALGORITHM)?;
        if !rest.starts_with([' ', ',']) {
            return None;
        }
        let part = |name: &str| {
            rest.split(',')
                .map(str::trim)
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = part("Credential")?.rsplitn(5, '/');
        let end = scope.next()?;
        let (service, region, day) = (scope.next()?, scope.next()?, scope.next()?);
        let access_key_id = scope.next()?;
        (end == "aws4_request")
            .then(|| Self {
                access_key_id: access_key_id.to_owned(),
                day: day.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
                signed: Vec::new(),
                signature: String::new(),
            })
            .and_then(|claim| {
                Some(Self {
                    signed: part("SignedHeaders")?
                        .split(';')
                        .map(str::to_owned)
                        .collect(),
                    signature: part("Signature")?.to_owned(),
                    ..claim
                })
            })
    }
}

/// Checks that `claim` is what `secret` makes of `request`, its body included, for one of `services`, within
/// [`MAX_SKEW`] of `now`. The comparison takes the same time whether it fails early, late or not at all.
///
/// # Errors
/// Why not.
pub fn verify(
    request: &http::Request<Bytes>,
    claim: &Claim,
    secret: &Secret,
    services: &[&str],
    now: SystemTime,
) -> Result<(), Fault> {
    let date = claim.date(request.headers(), services, now)?;
    let head = (request.method(), request.uri(), request.headers());
    claim.check(head, &hash(request.body()), secret, date)
}

/// Checks what can be checked of a request before its body is there: the date, the service, that what every signature
/// covers is signed, and the signature itself where the head states the SHA-256 of the body (`x-amz-content-sha256`),
/// which is returned then. `None`: it does not, and the signature must be checked by [`verify`].
///
/// # Errors
/// Why it is refused. [`Fault::Payload`] where something else than a digest is stated.
pub fn verify_head(
    head: &http::request::Parts,
    claim: &Claim,
    secret: &Secret,
    services: &[&str],
    now: SystemTime,
) -> Result<Option<[u8; 32]>, Fault> {
    let date = claim.date(&head.headers, services, now)?;
    let Some((hex, digest)) = digest::declared(&head.headers)? else {
        return Ok(None);
    };
    claim.check((&head.method, &head.uri, &head.headers), hex, secret, date)?;
    Ok(Some(digest))
}

impl Claim {
    /// The date of a claim that is for one of `services`, signs what it must and is dated within [`MAX_SKEW`] of `now`.
    fn date<'a>(
        &self,
        headers: &'a HeaderMap,
        services: &[&str],
        now: SystemTime,
    ) -> Result<&'a str, Fault> {
        for name in ["host", "x-amz-date"] {
            if !self.signed.iter().any(|signed| signed == name) {
                return Err(Fault::Unsigned(name));
            }
        }
        if !services.contains(&self.service.as_str()) {
            return Err(Fault::Service(self.service.clone()));
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let (date, moment) = date
            .and_then(|date| Some((date, time::read_basic(date)?)))
            .filter(|(date, _)| date.starts_with(&self.day) && self.day.len() == 8)
            .ok_or(Fault::Date)?;
        let skew = now
            .duration_since(moment)
            .unwrap_or_else(|early| early.duration());
        if skew > MAX_SKEW {
            return Err(Fault::Skewed);
        }
        Ok(date)
    }

    fn check(
        &self,
        head: canonical::Head<'_>,
        digest: &str,
        secret: &Secret,
        date: &str,
    ) -> Result<(), Fault> {
        let names: Vec<&str> = self.signed.iter().map(String::as_str).collect();
        let canonical = canonical::form(head, &names, digest);
        let scope = Scope {
            region: &self.region,
            service: &self.service,
        };
        let expected = signature(secret, scope, date, &canonical);
        constant_time::verify_slices_are_equal(expected.as_bytes(), self.signature.as_bytes())
            .map_err(|_| Fault::Wrong)
    }
}
