//! THE error mapping: what a [`CallError`] looks like to a caller, in every dialect.
//!
//! [`table`] has one row per kind: the status, and what each dialect calls it.
//!
//! Three rules stand above the table:
//! * A provider's own status of 4xx and 5xx is kept. 529 becomes 503 for callers that do not know it; a redirect or a
//!   success status on a failure becomes the kind's own status.
//! * A provider's error body goes to a caller of the same dialect as it came, if it is an error of that dialect.
//! * A provider that refuses the *gateway's* credential (401, 403) must not look as if the caller's were wrong: the
//!   status is kept, the body is the gateway's own and says so.
//!
//! MLflow's bodies and statuses are a pure function of `gateway-dialect`.

mod render;
mod table;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use gateway_schema::{CallError, Dialect, ErrorKind, Origin};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use render::Shape;

/// Who failed: `client`, `gateway` or `upstream`.
pub(crate) const ERROR_ORIGIN: HeaderName = HeaderName::from_static("x-gateway-error-origin");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const AMZN_ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// For whom an error is rendered.
#[derive(Clone, Copy)]
pub(crate) struct Audience<'a> {
    /// What the caller speaks.
    pub(crate) dialect: Dialect,
    /// The id of the request.
    pub(crate) request_id: &'a str,
    /// The provider that was asked last, for faults on the way to it.
    pub(crate) provider: Option<&'a str>,
}

/// An error as it goes out.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An error before a reply has begun.
pub(crate) fn response(error: &CallError, to: Audience<'_>) -> Rendered {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        ERROR_ORIGIN,
        HeaderValue::from_static(error.origin().as_str()),
    );
    if let Some(wait) = error.retry_after() {
        advise(&mut headers, wait);
    }
    if error.kind() == ErrorKind::BudgetExceeded {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if error.kind() == ErrorKind::Unauthenticated && error.origin() == Origin::Client {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if to.dialect == Dialect::BEDROCK
        && let Ok(name) = HeaderValue::from_str(exception(error))
    {
        headers.insert(AMZN_ERROR_TYPE, name);
    }
    let shape = Shape::of(to.dialect);
    if let Some((body, content_type)) = shape.and_then(|shape| shape.untouched(error, to.dialect)) {
        headers.insert(CONTENT_TYPE, content_type);
        return Rendered {
            status: status(error, to.dialect),
            headers,
            body,
        };
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (status, value) = body(error, to);
    Rendered {
        status,
        headers,
        body: Bytes::from(value.to_string()),
    }
}

/// The body of an error event, for a reply that has begun.
pub(crate) fn event(error: &CallError, to: Audience<'_>) -> Value {
    let Some(shape) = Shape::of(to.dialect) else {
        return render::mlflow_event(error);
    };
    let mut value = shape.render(error, to, status(error, to.dialect));
    // A stream of Bedrock's has no header to say it in.
    if shape == Shape::Bedrock
        && let Value::Object(fields) = &mut value
    {
        fields.insert("__type".to_owned(), exception(error).into());
    }
    value
}

/// What Bedrock calls it: the provider's own word if that is Bedrock,.
fn exception(error: &CallError) -> &str {
    let by_kind = table::row(error.kind()).bedrock;
    match error.upstream_failure() {
        // The gateway says it in AWS's words where it stands for AWS.
        None if error.code().is_some_and(|code| code.ends_with("Exception")) => {
            error.code().unwrap_or(by_kind)
        }
        Some(failure) if failure.dialect == Some(Dialect::BEDROCK) => {
            failure.error_type.as_deref().unwrap_or(by_kind)
        }
        _ => by_kind,
    }
}

fn body(error: &CallError, to: Audience<'_>) -> (StatusCode, Value) {
    match Shape::of(to.dialect) {
        Some(shape) => {
            let status = status(error, to.dialect);
            (status, shape.render(error, to, status))
        }
        None => render::mlflow(error),
    }
}

/// The status for a caller of `dialect`.
pub(crate) fn status(error: &CallError, dialect: Dialect) -> StatusCode {
    let provider = error
        .upstream_failure()
        .and_then(|failure| failure.status)
        .filter(|status| (400..600).contains(status));
    let status = match error.status().or(provider) {
        Some(529) if dialect != Dialect::ANTHROPIC => 503,
        Some(status) => status,
        None => own_status(error),
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The status of a failure that no provider gave one.
fn own_status(error: &CallError) -> u16 {
    match (error.kind(), error.origin()) {
        // The provider could not be reached, as against: the gateway has no target left to ask.
        (ErrorKind::Unavailable, Origin::Upstream) => 502,
        // A request that stays in the caller's hands for too long.
        (ErrorKind::Timeout, Origin::Client) => 408,
        (kind, _) => table::row(kind).status,
    }
}

/// Tells when to come back: in whole seconds, rounded up, and in milliseconds.
fn advise(headers: &mut HeaderMap, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis));
}
