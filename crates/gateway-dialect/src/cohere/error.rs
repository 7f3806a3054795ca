//! What Cohere says when it fails: `{"message"}`, sometimes with `error_type`.

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect};
use serde_json::{Map, Value};

use crate::failure::{self, ErrorDetails};

/// Reads an answer with a bad status. Never fails: what cannot be read is described.
pub fn decode_error(status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    failure::error(Dialect::COHERE, status, content_type, body)
}

/// An error in place of an answer, although the status was good. The failure has a status only if the error states one:
/// the one of the server's answer is added by whoever knows it.
pub(super) fn inside_good_status(fields: Map<String, Value>) -> CallError {
    let states = ErrorDetails::from_value(&Value::Object(fields.clone())).status;
    let mut error = failure::error_within(Dialect::COHERE, &remote(fields, "ERROR"));
    if let Some(failure) = error.upstream_failure_mut() {
        failure.status = states;
    }
    error
}

/// An answer that ended by failing, or an error event: `{"finish_reason": "ERROR", "error", "error_type"}`.
pub(super) fn remote(fields: Map<String, Value>, finish_reason: &str) -> RemoteError {
    let mut error = RemoteError::from(ErrorDetails::from_value(&Value::Object(fields)));
    // A status that the error does not state is the server's own fault, not that of the way to it.
    let usual = if finish_reason == "TIMEOUT" { 504 } else { 500 };
    error.status.get_or_insert(usual);
    error
}

/// True for an event of a stream that tells of an error, though its kind is not known.
pub(super) fn is_event(kind: &str, fields: &Map<String, Value>) -> bool {
    kind == "error"
        || fields.contains_key("error")
        || fields.get("message").is_some_and(Value::is_string)
}
