//! What Bedrock says when it fails.
//!
//! The body is `{"message"}` alone; the type stands in the header `x-amzn-errortype`, with an address behind a colon.
//! In a stream it is a message of type `exception` whose name begins with a small letter.

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect, ErrorKind};
use serde_json::Value;

use crate::failure::{self, ErrorDetails, NO_MESSAGE};

/// The name of an exception without namespace and address, in whatever spelling.
fn bare(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

/// Reads an answer with a bad status. `error_type` is the header `x-amzn-errortype`. Never fails: what cannot be read
/// is described.
pub fn decode_error(
    status: u16,
    error_type: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> CallError {
    let mut details = ErrorDetails::read(content_type, body);
    if let Some(name) = error_type.filter(|name| !bare(name).is_empty()) {
        details.error_type = Some(name.to_owned());
    }
    trim_type(&mut details);
    failure::error_of(Dialect::BEDROCK, status, content_type, body, details)
}

/// An error in place of a reply, although the status was good.
pub(super) fn inside_good_status(body: &Value) -> CallError {
    let mut details = ErrorDetails::from_value(body);
    trim_type(&mut details);
    failure::error_within(Dialect::BEDROCK, &details.into())
}

fn trim_type(details: &mut ErrorDetails) {
    if let Some(name) = &mut details.error_type {
        *name = bare(name).to_owned();
    }
}

/// An exception inside a stream: its name and its payload.
pub(super) fn exception(name: &str, payload: &[u8]) -> RemoteError {
    let body: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |keys: [&str; 3]| {
        keys.iter()
            .find_map(|key| body.get(*key).and_then(Value::as_str))
            .filter(|text| !text.is_empty())
    };
    let original = body.get("originalStatusCode").and_then(Value::as_u64);
    let mut error = RemoteError {
        message: text(["message", "Message", "originalMessage"])
            .unwrap_or(NO_MESSAGE)
            .to_owned(),
        error_type: Some(capitalised(bare(name))),
        status: original
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (400..600).contains(status)),
        ..RemoteError::default()
    };
    error.status = error.stated_status();
    if error.status.is_none() {
        error.error_type = Some(bare(name).to_owned()).filter(|name| !name.is_empty());
    }
    error
}

/// The name of an exception as the service's model spells it: in streams it begins with a small letter.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

/// The exception of a stream that says what an error of this type says: the service's model has five of them.
pub(super) fn stream_exception(error_type: &str) -> &'static str {
    let error = RemoteError {
        error_type: Some(error_type.to_owned()),
        ..RemoteError::default()
    };
    if error.stated_status().is_none() {
        return "internalServerException";
    }
    match error.classify(None).0 {
        ErrorKind::RateLimited => "throttlingException",
        ErrorKind::Unavailable => "serviceUnavailableException",
        ErrorKind::InvalidRequest
        | ErrorKind::NotFound
        | ErrorKind::Forbidden
        | ErrorKind::Unauthenticated => "validationException",
        ErrorKind::Upstream if bare(error_type).starts_with("Model") => "modelStreamErrorException",
        _ => "internalServerException",
    }
}
