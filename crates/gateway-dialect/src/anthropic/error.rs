//! What Anthropic says when it fails.
//!
//! `{"type": "error", "error": {"type", "message"}, "request_id"}`, with a status before a stream and without one in it.
//! Read 2026-11-21: <https://platform.claude.com/docs/en/api/errors>.

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect};
use serde::Deserialize;

use crate::failure;

/// `error`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

/// Statuses that the API gives its errors, for errors without one.
const STATUSES: [(&str, u16); 11] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

impl ErrorIn {
    /// As an event of a stream.
    pub(super) fn into_remote(self) -> RemoteError {
        let status = self.kind.as_deref().and_then(|kind| {
            STATUSES
                .iter()
                .find(|(name, _)| *name == kind)
                .map(|(_, status)| *status)
        });
        RemoteError {
            message: self
                .message
                .unwrap_or_else(|| "The provider reported an error without a message.".to_owned()),
            error_type: self.kind,
            code: None,
            status,
        }
    }
}

/// Reads an answer with a bad status. Never fails: what cannot be read is described.
pub fn decode_error(status: u16, content_type: Option<&str>, body: &[u8]) -> CallError {
    failure::error(Dialect::ANTHROPIC, status, content_type, body)
}

/// An error in place of a message, although the status was good.
pub(super) fn inside_good_status(error: ErrorIn) -> CallError {
    failure::error_within(Dialect::ANTHROPIC, &error.into_remote())
}
