//! Reads the error of any provider, in whatever envelope: shared by all dialects.
//!
//! Providers that imitate each other's requests do not imitate each other's errors: objects, bare strings, lists,
//! flat messages, integer codes, plain text, HTML and nothing at all occur with every one of them. The search here
//! finds the words wherever they stand; [`RemoteError::classify`] sorts them into the closed vocabulary.

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect, UpstreamFailure};
use serde_json::{Map, Value};

/// How much of a body is kept for the log and for callers of the same dialect.
const KEPT_BODY_BYTES: usize = 64 * 1024;
/// How much of a message a caller sees.
const SHOWN_MESSAGE_BYTES: usize = 4 * 1024;
/// How much of an answer in plain text counts as a message.
const SHOWN_TEXT_BYTES: usize = 500;
/// The message of an error inside a good answer that has none.
pub(crate) const NO_MESSAGE: &str = "The provider reported an error without a message.";

/// What a provider said, wherever it stood in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ErrorDetails {
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

impl ErrorDetails {
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

impl ErrorDetails {
    /// As the canonical error. A message that is absent stays empty.
    fn into_remote(self) -> RemoteError {
        RemoteError {
            message: self.message.unwrap_or_default(),
            error_type: self.error_type,
            code: self.code,
            status: self.status,
            retry_after: None,
        }
    }
}

impl From<ErrorDetails> for RemoteError {
    fn from(details: ErrorDetails) -> Self {
        let mut error = details.into_remote();
        if error.message.is_empty() {
            NO_MESSAGE.clone_into(&mut error.message);
        }
        error.status = error.stated_status();
        error
    }
}

/// Reads an answer with a bad status. Never fails: what cannot be read is described.
pub fn error(dialect: Dialect, status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    error_of(
        dialect,
        status,
        content_type,
        body,
        ErrorDetails::read(content_type, body),
    )
}

/// The same, for a body whose words the dialect has read itself.
pub(crate) fn error_of(
    dialect: Dialect,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
    details: ErrorDetails,
) -> CallError {
    let mut failure = UpstreamFailure::default();
    failure.content_type = content_type.map(str::to_owned);
    failure.body = body.get(..KEPT_BODY_BYTES).unwrap_or(body).to_vec();
    call_error(dialect, Some(status), details, failure)
}

/// An error that a provider reported inside an answer of a good status (its body, or an event of a stream).
pub fn error_within(dialect: Dialect, error: &RemoteError) -> CallError {
    let mut error = error.to_call_error(None);
    if let Some(upstream) = error.upstream_failure_mut() {
        upstream.dialect = Some(dialect);
    }
    error
}

/// The error of a call that `details` and `failure` describe. `answered` is the status of an answer of 400 or above.
fn call_error(
    dialect: Dialect,
    answered: Option<u16>,
    details: ErrorDetails,
    failure: UpstreamFailure,
) -> CallError {
    let (param, request_id) = (details.param.clone(), details.request_id.clone());
    let mut error = details.into_remote().to_call_error(answered);
    if let Some(upstream) = error.upstream_failure_mut() {
        upstream.dialect = Some(dialect);
        upstream.param = param;
        upstream.request_id = request_id;
        upstream.content_type = failure.content_type;
        upstream.body = failure.body;
    }
    error
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
