//! What Google says when it fails: `{"error": {"code", "message", "status", "details"}}`, alone or in a list.
//!
//! Reference: <https://cloud.google.com/apis/design/errors>, read 2026-11-21. A bad API key is a 400 `INVALID_ARGUMENT`
//! whose details say `API_KEY_INVALID`; `RetryInfo` says when to come back.

use std::time::Duration;

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect};
use serde_json::Value;

use crate::failure::{self, NO_MESSAGE};

/// Reads `error` inside a good answer.
pub(super) fn remote(error: &Value) -> RemoteError {
    let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = error
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    let mut remote = RemoteError {
        message: text("message")
            .or_else(|| error.as_str().map(str::to_owned))
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| NO_MESSAGE.to_owned()),
        error_type: text("status"),
        code: reason(error),
        status: number,
        retry_after: retry_delay(error),
    };
    remote.status = remote.stated_status();
    remote
}

/// An error in place of a reply, although the status was good.
pub(super) fn inside_good_status(error: &RemoteError) -> CallError {
    failure::error_within(Dialect::GEMINI, error)
}

/// Reads an answer with a bad status. Never fails: what cannot be read is described.
pub fn decode_error(status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    let error = failure::error(Dialect::GEMINI, status, content_type, body);
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return error;
    };
    let first = value.as_array().and_then(|list| list.first());
    let Some(said) = first.unwrap_or(&value).get("error") else {
        return error;
    };
    // Reason and wait stand in Google's own details, which the search of `failure` does not know.
    let (kind, retry) = remote(said).classify(Some(status));
    let classified = CallError::upstream(kind, error.message().to_owned()).with_retry(retry);
    match error.upstream_failure() {
        Some(failure) => classified.with_upstream(failure.clone()),
        None => classified,
    }
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error
        .get("details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is(detail: &Value, kind: &str) -> bool {
    detail
        .get("@type")
        .and_then(Value::as_str)
        .is_some_and(|name| name.ends_with(kind))
}

/// `ErrorInfo.reason`.
fn reason(error: &Value) -> Option<String> {
    details(error)
        .find(|detail| is(detail, "google.rpc.ErrorInfo"))
        .and_then(|detail| Some(detail.get("reason")?.as_str()?.to_owned()))
}

/// `RetryInfo.retryDelay`: `"34.07s"`.
fn retry_delay(error: &Value) -> Option<Duration> {
    let text = details(error)
        .find(|detail| is(detail, "google.rpc.RetryInfo"))?
        .get("retryDelay")?
        .as_str()?;
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0)
        .then(|| Duration::from_secs_f64(seconds.min(31_536_000.0)))
}
