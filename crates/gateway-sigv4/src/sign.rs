//! Signing.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use gateway_schema::{CallError, ErrorKind, Secret};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue};

use crate::{canonical, time};

pub(crate) const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A key pair, perhaps with the token of a session.
#[derive(Debug, Clone, Copy)]
pub struct KeyPair<'a> {
    /// The public half.
    pub id: &'a str,
    /// The secret half.
    pub secret: &'a Secret,
    /// The session token of temporary keys.
    pub token: Option<&'a Secret>,
}

/// For whom a signature counts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service, as signatures call it.
    pub service: &'a str,
}

/// Adds date, session token and signature to `request`. Every header that is there is signed, but for those that
/// something on the way may change.
///
/// # Errors
/// When a part of the key pair cannot be written into a header.
pub fn sign(
    request: &mut http::Request<Bytes>,
    keys: KeyPair<'_>,
    scope: Scope<'_>,
    now: SystemTime,
) -> Result<(), CallError> {
    let date = time::basic(now);
    let host = request
        .uri()
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let headers = request.headers_mut();
    headers.insert(DATE, header(&date)?);
    if let Some(token) = keys.token {
        headers.insert(TOKEN, secret_value(token.expose())?);
    }
    let given = headers.contains_key(HOST);
    if let Some(host) = host.filter(|_| !given) {
        headers.insert(HOST, host);
    }
    let (canonical, signed) = canonical::request(request);
    if !given {
        // The transport writes it.
        request.headers_mut().remove(HOST);
    }
    let day = date.get(..8).unwrap_or_default();
    let range = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let signature = signature(keys.secret, scope, &date, &canonical);
    let value = format!(
        "{ALGORITHM} Credential={}/{range}, SignedHeaders={signed}, Signature={signature}",
        keys.id
    );
    request
        .headers_mut()
        .insert(AUTHORIZATION, secret_value(&value)?);
    Ok(())
}

/// What the key pair's secret half makes of a request in its canonical form.
pub(crate) fn signature(secret: &Secret, scope: Scope<'_>, date: &str, canonical: &str) -> String {
    let day = date.get(..8).unwrap_or_default();
    let range = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!(
        "{ALGORITHM}\n{date}\n{range}\n{}",
        hash(canonical.as_bytes())
    );
    let mut key = mac(
        format!("AWS4{}", secret.expose()).as_bytes(),
        day.as_bytes(),
    );
    for step in [scope.region, scope.service, "aws4_request"] {
        key = mac(key.as_ref(), step.as_bytes());
    }
    hex(mac(key.as_ref(), text.as_bytes()).as_ref())
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

/// SHA-256 in hex.
pub(crate) fn hash(text: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, text).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut out, byte| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn header(text: &str) -> Result<HeaderValue, CallError> {
    HeaderValue::from_str(text).map_err(|_| {
        CallError::gateway(
            ErrorKind::Internal,
            "The AWS credential has characters that no HTTP header can carry.",
        )
    })
}

/// A header value that is not printed.
fn secret_value(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = header(text)?;
    value.set_sensitive(true);
    Ok(value)
}
