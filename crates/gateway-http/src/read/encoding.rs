//! What the head says about a body.

use gateway_schema::{CallError, ErrorKind};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::too_large;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// How long the body is said to be.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// Refuses what is announced too large.
pub(crate) fn check_announced(headers: &HeaderMap, limit: u64) -> Result<(), CallError> {
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    Ok(())
}

/// What the head says about the body: refuses what is announced too large, and compressions that are not known.
pub(crate) fn inspect(headers: &HeaderMap, limit: usize) -> Result<Encoding, CallError> {
    check_announced(headers, limit as u64)?;
    let mut encoding = Encoding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = value.to_str().unwrap_or("?").trim();
        let this = match text.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Encoding::Gzip,
            "zstd" => Encoding::Zstd,
            _ => return Err(unknown_encoding(text)),
        };
        if encoding != Encoding::Identity {
            return Err(unknown_encoding("more than one"));
        }
        encoding = this;
    }
    Ok(encoding)
}

fn unknown_encoding(found: &str) -> CallError {
    let found: String = found.chars().take(100).collect();
    CallError::client(
        ErrorKind::UnsupportedMediaType,
        format!(
            "The content-encoding '{found}' is not supported; gzip, zstd and identity are, one at a time."
        ),
    )
    .with_code("unsupported_content_encoding")
}
