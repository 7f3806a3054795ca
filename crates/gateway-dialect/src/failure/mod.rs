//! What a provider says when it fails, in whatever envelope: shared by the dialects, a dialect of nobody.
//!
//! Providers that imitate each other's requests do not imitate each other's errors: objects, bare strings, lists,
//! flat messages, integer codes, plain text, HTML and nothing at all occur with every one of them. The search here
//! finds the words wherever they stand; [`error`] sorts them into the closed vocabulary.

use std::borrow::Cow;

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect, ErrorKind, Retry, UpstreamFailure};
use serde_json::{Map, Value};

/// How much of a body is kept for the log and for callers of the same dialect.
const KEPT_BODY_BYTES: usize = 64 * 1024;
/// How much of a message a caller sees.
const SHOWN_MESSAGE_BYTES: usize = 4 * 1024;
/// How much of an answer in plain text counts as a message.
const SHOWN_TEXT_BYTES: usize = 500;

/// What a provider said, wherever it stood in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Said {
    /// Its message.
    pub message: Option<String>,
    /// Its word for the error.
    pub error_type: Option<String>,
    /// Its code, as text.
    pub code: Option<String>,
    /// The parameter it complains about.
    pub param: Option<String>,
    /// The status it states inside the body.
    pub status: Option<u16>,
    /// Its id of the request, where the body holds one.
    pub request_id: Option<String>,
}

impl Said {
    /// Searches a body of any kind.
    pub fn read(content_type: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let is_html = content_type.is_some_and(|value| value.contains("html"))
            || text
                .get(..9)
                .is_some_and(|head| head.eq_ignore_ascii_case("<!doctype"))
            || text
                .get(..5)
                .is_some_and(|head| head.eq_ignore_ascii_case("<html"));
        if is_html {
            return Self {
                message: html_title(text),
                ..Self::default()
            };
        }
        // A stream that opens with an error event is an error body too.
        let json = text.strip_prefix("data:").unwrap_or(text);
        if let Ok(value) = serde_json::from_str::<Value>(json) {
            return Self::from_value(&value);
        }
        let message = cut(text, SHOWN_TEXT_BYTES).trim();
        Self {
            message: (!message.is_empty()).then(|| message.to_owned()),
            ..Self::default()
        }
    }

    /// Searches a JSON value.
    pub fn from_value(value: &Value) -> Self {
        let mut said = Self::default();
        said.search(value, 0);
        if let Some(message) = &mut said.message {
            message.truncate(cut(message, SHOWN_MESSAGE_BYTES).len());
        }
        said
    }

    fn search(&mut self, value: &Value, depth: u8) {
        match value {
            Value::String(text) if !text.trim().is_empty() => {
                self.message.get_or_insert_with(|| text.trim().to_owned());
            }
            Value::Array(items) if depth < 4 => {
                if let Some(first) = items.first() {
                    self.search(first, depth + 1);
                }
            }
            Value::Object(object) if depth < 4 => self.search_object(object, depth),
            _ => {}
        }
    }

    fn search_object(&mut self, object: &Map<String, Value>, depth: u8) {
        let inner = ["error", "detail", "errors", "Error"]
            .iter()
            .find_map(|key| object.get(*key).filter(|value| is_telling(value)));
        if let Some(inner) = inner {
            self.search(inner, depth + 1);
        }
        for key in ["message", "Message", "msg", "error_message", "reason"] {
            if self.message.is_none()
                && let Some(value) = object.get(key)
            {
                self.search(value, depth + 1);
            }
        }
        take_word(&mut self.error_type, object, &["error_type", "__type"]);
        // The outer `type` of `{"type":"error","error":{...}}` says nothing.
        if self.error_type.is_none()
            && let Some(word) = object.get("type").and_then(word)
            && word != "error"
        {
            self.error_type = Some(word);
        }
        if let Some(Value::String(status)) = object.get("status") {
            self.error_type.get_or_insert_with(|| status.clone());
        }
        take_word(&mut self.code, object, &["code", "error_code"]);
        take_word(&mut self.param, object, &["param"]);
        take_word(&mut self.request_id, object, &["request_id", "requestId"]);
        for key in ["status_code", "raw_status_code", "status", "code"] {
            if self.status.is_none() {
                self.status = object.get(key).and_then(status);
            }
        }
    }
}

impl From<Said> for RemoteError {
    fn from(said: Said) -> Self {
        let status = said.status.or_else(|| status_of_words(&said));
        Self {
            message: said
                .message
                .unwrap_or_else(|| "The provider reported an error without a message.".to_owned()),
            error_type: said.error_type,
            code: said.code,
            status,
        }
    }
}

/// Reads an answer with a bad status. Never fails: what cannot be read is described.
pub fn error(dialect: Dialect, status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    let said = Said::read(content_type, body);
    let mut failure = UpstreamFailure::default();
    failure.content_type = content_type.map(str::to_owned);
    failure.body = body.get(..KEPT_BODY_BYTES).unwrap_or(body).to_vec();
    said_error(dialect, status, said, failure)
}

/// An error that a provider reported inside a good answer (a body or an event of a stream). `status` is that of the
/// answer; the one the error itself states counts.
pub fn error_within(dialect: Dialect, error: &RemoteError) -> CallError {
    let said = Said {
        message: Some(error.message.clone()),
        error_type: error.error_type.clone(),
        code: error.code.clone(),
        status: error.status,
        ..Said::default()
    };
    let status = error
        .status
        .or_else(|| status_of_words(&said))
        .unwrap_or(502);
    said_error(dialect, status, said, UpstreamFailure::default())
}

fn said_error(
    dialect: Dialect,
    status: u16,
    said: Said,
    mut failure: UpstreamFailure,
) -> CallError {
    let (kind, retry) = classify(status, &said);
    failure.status = Some(status);
    failure.dialect = Some(dialect);
    failure.error_type = said.error_type;
    failure.code = said.code;
    failure.param = said.param;
    failure.request_id = said.request_id;
    let message: Cow<'static, str> = match said.message {
        Some(message) => message.into(),
        None => format!("The provider answered with status {status} and no message.").into(),
    };
    CallError::upstream(kind, message)
        .with_retry(retry)
        .with_upstream(failure)
}

/// Sorts a failure: by the provider's own words where they are known, by the status otherwise.
pub fn classify(status: u16, said: &Said) -> (ErrorKind, Retry) {
    let kind = kind_of_words(said)
        .or_else(|| is_about_length(status, said).then_some(ErrorKind::ContextLength))
        .unwrap_or_else(|| kind_of_status(status));
    (kind, retry_of(kind, status))
}

/// What a bad status means when nothing else is known.
pub const fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        402 => ErrorKind::BudgetExceeded,
        403 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        405 => ErrorKind::MethodNotAllowed,
        408 | 504 | 524 => ErrorKind::Timeout,
        413 => ErrorKind::PayloadTooLarge,
        415 => ErrorKind::UnsupportedMediaType,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::Unsupported,
        502 | 503 | 520..=523 | 529 => ErrorKind::Unavailable,
        // A conflict is a race on the provider's side; redirects are never followed.
        409 | 425 => ErrorKind::Upstream,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Upstream,
    }
}

const fn retry_of(kind: ErrorKind, status: u16) -> Retry {
    match kind {
        ErrorKind::InvalidRequest
        | ErrorKind::PayloadTooLarge
        | ErrorKind::UnsupportedMediaType
        | ErrorKind::Blocked => Retry::Never,
        ErrorKind::RateLimited | ErrorKind::Timeout | ErrorKind::Unavailable => Retry::Same,
        ErrorKind::Upstream if status >= 400 => Retry::Same,
        _ => Retry::Elsewhere,
    }
}

/// Words that providers use as types and codes, in lower case, with what they mean.
const WORDS: &[(&str, ErrorKind)] = &[
    ("context_length_exceeded", ErrorKind::ContextLength),
    ("exceed_context_size_error", ErrorKind::ContextLength),
    ("too_many_tokens", ErrorKind::ContextLength),
    ("content_filter", ErrorKind::Blocked),
    ("content_policy_violation", ErrorKind::Blocked),
    ("moderation_blocked", ErrorKind::Blocked),
    ("insufficient_quota", ErrorKind::BudgetExceeded),
    ("billing_hard_limit_reached", ErrorKind::BudgetExceeded),
    ("billing_not_active", ErrorKind::BudgetExceeded),
    ("billing_error", ErrorKind::BudgetExceeded),
    ("invalid_api_key", ErrorKind::Unauthenticated),
    ("authentication_error", ErrorKind::Unauthenticated),
    ("unauthenticated", ErrorKind::Unauthenticated),
    ("permission_error", ErrorKind::Forbidden),
    ("permission_denied", ErrorKind::Forbidden),
    ("model_not_found", ErrorKind::NotFound),
    ("not_found_error", ErrorKind::NotFound),
    ("rate_limit_error", ErrorKind::RateLimited),
    ("rate_limit_exceeded", ErrorKind::RateLimited),
    ("resource_exhausted", ErrorKind::RateLimited),
    ("request_too_large", ErrorKind::PayloadTooLarge),
    ("timeout_error", ErrorKind::Timeout),
    ("overloaded_error", ErrorKind::Unavailable),
    ("service_unavailable", ErrorKind::Unavailable),
    ("unavailable", ErrorKind::Unavailable),
    ("not_supported_error", ErrorKind::Unsupported),
    ("server_error", ErrorKind::Upstream),
    ("api_error", ErrorKind::Upstream),
];

/// Words that say less than a status: they count only where there is none.
const VAGUE: &[(&str, u16)] = &[
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("insufficient_quota", 429),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("timeout_error", 504),
    ("overloaded_error", 529),
    ("api_error", 500),
    ("server_error", 500),
    ("internal_server_error", 500),
];

fn kind_of_words(said: &Said) -> Option<ErrorKind> {
    [&said.code, &said.error_type]
        .into_iter()
        .flatten()
        .find_map(|word| {
            let (_, kind) = WORDS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(word))?;
            // `api_error` and `server_error` stand beside every status.
            (*kind != ErrorKind::Upstream).then_some(*kind)
        })
}

fn status_of_words(said: &Said) -> Option<u16> {
    [&said.code, &said.error_type]
        .into_iter()
        .flatten()
        .find_map(|word| {
            let (_, status) = VAGUE
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(word))?;
            Some(*status)
        })
}

/// Some providers say only in prose that the prompt is too long.
fn is_about_length(status: u16, said: &Said) -> bool {
    const PROSE: &[&str] = &[
        "prompt is too long",
        "maximum context length",
        "context length exceeded",
        "exceeds the context window",
        "exceeds the available context size",
        "input is too long",
        "too many tokens:",
    ];
    if !matches!(status, 400 | 413 | 422) {
        return false;
    }
    let Some(message) = &said.message else {
        return false;
    };
    let message = message.to_ascii_lowercase();
    PROSE.iter().any(|words| message.contains(words))
}

fn is_telling(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

fn take_word(slot: &mut Option<String>, object: &Map<String, Value>, keys: &[&str]) {
    if slot.is_none() {
        *slot = keys.iter().find_map(|key| object.get(*key).and_then(word));
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number)
        .ok()
        .filter(|status| (400..600).contains(status))
}

fn html_title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    let title = text.get(start..end)?.trim();
    (!title.is_empty()).then(|| cut(title, SHOWN_TEXT_BYTES).to_owned())
}

/// The longest beginning of `text` within `limit` bytes that does not split a character.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
