//! What Anthropic says when it fails.
//!
//! `{"type": "error", "error": {"type", "message"}, "request_id"}`, with a status before a stream and without one in it.
//! Read 2026-11-21: <https://platform.claude.com/docs/en/api/errors>.

use gateway_schema::chat::RemoteError;
use gateway_schema::{CallError, Dialect};
use serde::Deserialize;

use crate::failure::{self, NO_MESSAGE};

/// `error`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

impl ErrorIn {
    /// As an event of a stream.
    pub(super) fn into_remote(self) -> RemoteError {
        let mut error = RemoteError {
            message: self.message.unwrap_or_else(|| NO_MESSAGE.to_owned()),
            error_type: self.kind,
            ..RemoteError::default()
        };
        error.status = error.stated_status();
        error
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
