//! The digest of a body, as the head of its request may state it.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use http::{HeaderMap, HeaderName};

use crate::verify::Fault;

const DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The SHA-256 that the head states of the body: in hex as it is signed, and as bytes. `None` where nothing is stated.
///
/// # Errors
/// [`Fault::Payload`] for what is no digest: bodies that are not signed, or in chunks, are not accepted.
pub(crate) fn declared(headers: &HeaderMap) -> Result<Option<(&str, [u8; 32])>, Fault> {
    let mut values = headers.get_all(&DIGEST).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Fault::Payload)?.trim();
    let bytes = decode(text).ok_or(Fault::Payload)?;
    if values.next().is_some() {
        return Err(Fault::Payload);
    }
    Ok(Some((text, bytes)))
}

fn decode(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |of: u8| char::from(of).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

/// Compares a body with its digest while it comes.
pub struct BodyDigest {
    so_far: digest::Context,
    expected: [u8; 32],
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDigest").finish_non_exhaustive()
    }
}

impl BodyDigest {
    /// A body whose SHA-256 must be `expected`.
    pub fn new(expected: [u8; 32]) -> Self {
        Self {
            so_far: digest::Context::new(&digest::SHA256),
            expected,
        }
    }

    /// The next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.so_far.update(bytes);
    }

    /// True when the bytes so far are the body.
    pub fn is_met(self) -> bool {
        let found = self.so_far.finish();
        constant_time::verify_slices_are_equal(found.as_ref(), &self.expected).is_ok()
    }
}
