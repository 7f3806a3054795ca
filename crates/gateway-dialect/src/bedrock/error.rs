//! What Bedrock says when it fails.
//!
//! The body is `{"message"}` alone; the type stands in the header `x-amzn-errortype`, with an address behind a colon.
//! In a stream it is a message of type `exception` whose name begins with a small letter.

use std::borrow::Cow;

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect, ErrorKind, Retry, UpstreamFailure};
use serde_json::Value;

use crate::failure::{self, Said};

/// How much of a body is kept.
const KEPT_BODY_BYTES: usize = 64 * 1024;

/// What the service's exceptions mean, and the status they have by its model.
const EXCEPTIONS: &[(&str, u16, ErrorKind)] = &[
    ("ValidationException", 400, ErrorKind::InvalidRequest),
    ("SerializationException", 400, ErrorKind::InvalidRequest),
    ("ServiceQuotaExceededException", 400, ErrorKind::RateLimited),
    ("ThrottlingException", 429, ErrorKind::RateLimited),
    ("TooManyRequestsException", 429, ErrorKind::RateLimited),
    ("ModelNotReadyException", 429, ErrorKind::Unavailable),
    ("ServiceUnavailableException", 503, ErrorKind::Unavailable),
    ("ModelTimeoutException", 408, ErrorKind::Timeout),
    ("ModelErrorException", 424, ErrorKind::Upstream),
    ("ModelStreamErrorException", 424, ErrorKind::Upstream),
    ("InternalServerException", 500, ErrorKind::Upstream),
    ("InternalFailure", 500, ErrorKind::Upstream),
    ("ResourceNotFoundException", 404, ErrorKind::NotFound),
    ("UnknownOperationException", 404, ErrorKind::NotFound),
    ("AccessDeniedException", 403, ErrorKind::Forbidden),
    ("OptInRequired", 403, ErrorKind::Forbidden),
    ("ExpiredTokenException", 403, ErrorKind::Unauthenticated),
    (
        "UnrecognizedClientException",
        403,
        ErrorKind::Unauthenticated,
    ),
    ("InvalidClientTokenId", 403, ErrorKind::Unauthenticated),
    ("InvalidSignatureException", 403, ErrorKind::Unauthenticated),
    ("SignatureDoesNotMatch", 403, ErrorKind::Unauthenticated),
    (
        "IncompleteSignatureException",
        403,
        ErrorKind::Unauthenticated,
    ),
    (
        "MissingAuthenticationTokenException",
        403,
        ErrorKind::Unauthenticated,
    ),
    ("NotAuthorized", 403, ErrorKind::Unauthenticated),
];

/// What a message about a prompt that is too long has in it, in lower case.
const LENGTH: [&str; 8] = [
    "input is too long",
    "too many input tokens",
    "prompt is too long",
    "prompt is longer",
    "maximum context length",
    "context window",
    "expected maxlength",
    "exceeds the maximum number of tokens",
];

/// The name of an exception without namespace and address, in whatever spelling.
fn bare(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

fn known(name: &str) -> Option<&'static (&'static str, u16, ErrorKind)> {
    EXCEPTIONS
        .iter()
        .find(|(known, _, _)| known.eq_ignore_ascii_case(name))
}

/// Reads an answer with a bad status. `error_type` is the header `x-amzn-errortype`. Never fails: what cannot be read
/// is described.
pub fn decode_error(
    status: u16,
    error_type: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> CallError {
    let mut said = Said::read(content_type, body);
    if let Some(name) = error_type.map(bare).filter(|name| !name.is_empty()) {
        said.error_type = Some(name.to_owned());
    }
    let mut failure = UpstreamFailure::default();
    failure.content_type = content_type.map(str::to_owned);
    failure.body = body.get(..KEPT_BODY_BYTES).unwrap_or(body).to_vec();
    build(status, said, failure)
}

/// An error in place of a reply, although the status was good.
pub(super) fn inside_good_status(body: &Value) -> CallError {
    let said = Said::from_value(body);
    let status = said
        .error_type
        .as_deref()
        .and_then(|name| known(bare(name)))
        .map_or(502, |(_, status, _)| *status);
    build(status, said, UpstreamFailure::default())
}

fn build(status: u16, said: Said, mut failure: UpstreamFailure) -> CallError {
    let name = said.error_type.as_deref().map(bare).map(str::to_owned);
    let kind = name.as_deref().and_then(known).map(|(_, _, kind)| *kind);
    let (fallback, _) = failure::classify(status, &said);
    let message = said.message.unwrap_or_default();
    let kind = match kind.unwrap_or(fallback) {
        ErrorKind::InvalidRequest if is_about_length(&message) => ErrorKind::ContextLength,
        kind => kind,
    };
    failure.status = Some(status);
    failure.dialect = Some(Dialect::BEDROCK);
    failure.error_type = name;
    failure.code = said.code;
    failure.request_id = said.request_id;
    let message: Cow<'static, str> = if message.is_empty() {
        format!("The provider answered with status {status} and no message.").into()
    } else {
        message.into()
    };
    CallError::upstream(kind, message)
        .with_retry(retry(kind))
        .with_upstream(failure)
}

const fn retry(kind: ErrorKind) -> Retry {
    match kind {
        ErrorKind::InvalidRequest
        | ErrorKind::PayloadTooLarge
        | ErrorKind::UnsupportedMediaType
        | ErrorKind::Blocked => Retry::Never,
        ErrorKind::RateLimited
        | ErrorKind::Timeout
        | ErrorKind::Unavailable
        | ErrorKind::Upstream => Retry::Same,
        _ => Retry::Elsewhere,
    }
}

fn is_about_length(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    LENGTH.iter().any(|words| message.contains(words))
}

/// An exception inside a stream: its name and its payload.
pub(super) fn exception(name: &str, payload: &[u8]) -> RemoteError {
    let body: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |keys: [&str; 3]| {
        keys.iter()
            .find_map(|key| body.get(*key).and_then(Value::as_str))
            .filter(|text| !text.is_empty())
    };
    let message = text(["message", "Message", "originalMessage"])
        .unwrap_or("The provider reported an error without a message.");
    let original = body.get("originalStatusCode").and_then(Value::as_u64);
    let (error_type, status) = match known(bare(name)) {
        Some((name, status, _)) => ((*name).to_owned(), Some(*status)),
        None => (bare(name).to_owned(), None),
    };
    RemoteError {
        message: message.to_owned(),
        error_type: (!error_type.is_empty()).then_some(error_type),
        code: None,
        status: original
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (400..600).contains(status))
            .or(status),
    }
}

/// The exception of a stream that says what an error of this type says: the service's model has five of them.
pub(super) fn stream_exception(error_type: &str) -> &'static str {
    match known(bare(error_type)).map(|(_, _, kind)| *kind) {
        Some(ErrorKind::RateLimited) => "throttlingException",
        Some(ErrorKind::Unavailable) => "serviceUnavailableException",
        Some(
            ErrorKind::InvalidRequest
            | ErrorKind::NotFound
            | ErrorKind::Forbidden
            | ErrorKind::Unauthenticated,
        ) => "validationException",
        Some(ErrorKind::Upstream) if bare(error_type).starts_with("Model") => {
            "modelStreamErrorException"
        }
        _ => "internalServerException",
    }
}
