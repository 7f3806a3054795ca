//! How plan values are written out again: in the spelling the reader takes, and without credentials.

use std::time::Duration;

use gateway_schema::{Operation, Secret};
use serde::Serializer;
use serde::ser::SerializeMap;

/// What stands where a value may not be shown.
pub(crate) const HIDDEN: &str = "[secret]";

/// `200ms` or `30s`.
pub(crate) fn duration_word(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_secs_f64() * 1000.0)
    }
}

pub(crate) fn duration_text<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration_word(*duration))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
pub(crate) fn task_word<S: Serializer>(
    operation: &Operation,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(super::task::task_name(*operation))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
pub(crate) const fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn redacted<S: Serializer>(_: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(HIDDEN)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
pub(crate) fn redacted_option<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_str(HIDDEN),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn redacted_headers<S: Serializer>(
    headers: &[(String, Secret)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, _) in headers {
        map.serialize_entry(name, HIDDEN)?;
    }
    map.end()
}
