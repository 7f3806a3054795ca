//! Questions to token endpoints.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gateway_provider::{Environment, SendLimits, Transport, collect};
use gateway_schema::{CallError, ErrorKind, Retry};
use serde_json::Value;

/// The largest answer of a token endpoint that is read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What asking takes, and the time it is done.
pub(super) struct Asking<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) environment: &'a dyn Environment,
    pub(super) now: SystemTime,
}

impl Asking<'_> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<(http::StatusCode, Bytes), CallError> {
        let sent = self.transport.send(request, SendLimits::default()).await;
        let response = sent.map_err(|error| {
            let failed = refused("Google's token endpoint could not be reached.");
            failed
                .with_retry(Retry::Same)
                .with_detail(error.to_string())
        })?;
        let (head, body) = response.into_parts();
        Ok((head.status, collect(body, MAX_ANSWER_BYTES).await?))
    }

    /// An answer that has an `access_token`.
    pub(super) async fn token(&self, request: http::Request<Bytes>) -> Result<Value, CallError> {
        let (status, body) = self.send(request).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() && answer.get("access_token").is_some_and(Value::is_string) {
            return Ok(answer);
        }
        Err(refusal(status, &answer))
    }

    /// An answer in JSON.
    pub(super) async fn json(&self, request: http::Request<Bytes>) -> Result<Value, CallError> {
        let (status, body) = self.send(request).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() && answer.is_object() {
            return Ok(answer);
        }
        Err(refusal(status, &answer))
    }

    /// An answer in text. What a bad one says is not told: it may hold a token.
    pub(super) async fn text(&self, request: http::Request<Bytes>) -> Result<String, CallError> {
        let (status, body) = self.send(request).await?;
        let text = String::from_utf8(body.to_vec()).ok();
        text.filter(|_| status.is_success())
            .ok_or_else(|| refusal(status, &Value::Null))
    }
}

/// How long a token is good for: an hour unless said otherwise.
pub(super) fn lifetime(answer: &Value) -> Duration {
    let seconds = answer.get("expires_in").and_then(Value::as_u64);
    Duration::from_secs(seconds.unwrap_or(3600).min(86_400))
}

pub(super) fn refused(message: &'static str) -> CallError {
    CallError::upstream(ErrorKind::Unauthenticated, message)
}

/// A refusal in Google's words, which name the fault, never the key.
fn refusal(status: http::StatusCode, answer: &Value) -> CallError {
    let error = answer.get("error").unwrap_or(&Value::Null);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = text(Some(error)) + &text(error.get("status"));
    let said = text(answer.get("error_description")) + &text(error.get("message"));
    refused("Google's token endpoint refused the gateway's credentials.")
        .with_detail(format!("status {status}: {code} {said}"))
}
