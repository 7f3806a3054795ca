//! Bodies.

use bytes::Bytes;
use gateway_schema::{CallError, Dialect, ErrorKind, Origin};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Audience, table};

/// What an error body looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Cohere,
}

impl Shape {
    /// The shape of a dialect; `None` for MLflow, whose bodies are made elsewhere. Unknown dialects get OpenAI's.
    pub(super) fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::MLFLOW => None,
            Dialect::ANTHROPIC => Some(Self::Anthropic),
            Dialect::GEMINI => Some(Self::Gemini),
            Dialect::BEDROCK => Some(Self::Bedrock),
            Dialect::COHERE => Some(Self::Cohere),
            _ => Some(Self::OpenAi),
        }
    }

    /// The body of `error`.
    pub(super) fn render(self, error: &CallError, to: Audience<'_>, status: StatusCode) -> Value {
        let row = table::row(error.kind());
        let message = message(error, to);
        match self {
            Self::OpenAi => {
                let own = own_words(error, to.dialect);
                json!({"error": {
                    "message": message,
                    "type": own.error_type.unwrap_or_else(|| openai_type(error, row.openai)),
                    "param": own.param,
                    "code": own.code.unwrap_or_else(|| openai_code(error, row.code)),
                }})
            }
            Self::Anthropic => {
                let own = own_words(error, to.dialect).error_type;
                let kind = own.unwrap_or_else(|| anthropic_type(error, status, row.anthropic));
                json!({
                    "type": "error",
                    "error": {"type": kind, "message": message},
                    "request_id": to.request_id,
                })
            }
            Self::Gemini => json!({"error": {
                "code": status.as_u16(),
                "message": message,
                "status": row.google,
            }}),
            Self::Bedrock => json!({"message": message}),
            Self::Cohere => json!({"id": to.request_id, "message": message}),
        }
    }

    /// The provider's own body, if the caller may see it as it came: of the caller's dialect, whole, an error of that
    /// dialect, and not about the gateway's credential.
    pub(super) fn untouched(
        self,
        error: &CallError,
        dialect: Dialect,
    ) -> Option<(Bytes, HeaderValue)> {
        let failure = error.upstream_failure()?;
        let good_status = failure.status.is_some_and(|status| status >= 400);
        if failure.dialect != Some(dialect) || !good_status || is_about_credential(error) {
            return None;
        }
        let value: Value = serde_json::from_slice(&failure.body).ok()?;
        let text = |pointer: &str| value.pointer(pointer).is_some_and(Value::is_string);
        let fits = match self {
            Self::OpenAi => text("/error/message") && text("/error/type"),
            Self::Anthropic => text("/type") && text("/error/message") && text("/error/type"),
            Self::Gemini => text("/error/message") && text("/error/status"),
            Self::Bedrock | Self::Cohere => text("/message"),
        };
        let content_type = failure
            .content_type
            .as_deref()
            .and_then(|value| HeaderValue::from_str(value).ok())
            .unwrap_or_else(|| HeaderValue::from_static("application/json"));
        fits.then(|| (Bytes::copy_from_slice(&failure.body), content_type))
    }
}

/// MLflow's body.
pub(super) fn mlflow(error: &CallError) -> (StatusCode, Value) {
    let (status, body) = gateway_dialect::mlflow::error::detail(error);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, body)
}

/// MLflow's error event.
pub(super) fn mlflow_event(error: &CallError) -> Value {
    gateway_dialect::mlflow::error::event(error)
}

/// The provider refuses the credential or the account of the gateway.
fn is_about_credential(error: &CallError) -> bool {
    error.origin() == Origin::Upstream
        && (matches!(
            error.kind(),
            ErrorKind::Unauthenticated | ErrorKind::Forbidden
        ) || error
            .upstream_failure()
            .is_some_and(|failure| matches!(failure.status, Some(401 | 403))))
}

/// What is wrong, and who failed. The provider's own message stands in it as it came.
fn message(error: &CallError, to: Audience<'_>) -> String {
    let text = error.message();
    if error.origin() != Origin::Upstream {
        return text.to_owned();
    }
    let failure = error.upstream_failure();
    let provider = failure
        .and_then(|failure| failure.provider.as_ref())
        .map(AsRef::as_ref)
        .or(to.provider)
        .unwrap_or("unknown");
    if is_about_credential(error) {
        let verb = match error.kind() {
            ErrorKind::Forbidden => "does not allow this with",
            _ => "refused",
        };
        return format!(
            "The provider {provider} {verb} the gateway's credential (the caller's is not at fault): {text}"
        );
    }
    match failure.and_then(|failure| failure.status) {
        Some(status) if status >= 400 => {
            format!("The provider {provider} answered {status}: {text}")
        }
        _ => format!("Provider {provider}: {text}"),
    }
}

/// What the provider calls it, for a caller of the same dialect.
#[derive(Default)]
struct OwnWords<'a> {
    error_type: Option<&'a str>,
    code: Option<&'a str>,
    param: Option<String>,
}

fn own_words(error: &CallError, dialect: Dialect) -> OwnWords<'_> {
    let Some(failure) = error.upstream_failure() else {
        return OwnWords {
            param: error
                .field_errors()
                .first()
                .map(gateway_schema::FieldError::dotted),
            ..OwnWords::default()
        };
    };
    if failure.dialect != Some(dialect) || is_about_credential(error) {
        return OwnWords::default();
    }
    OwnWords {
        error_type: failure.error_type.as_deref(),
        code: failure.code.as_deref(),
        param: failure.param.clone(),
    }
}

fn openai_type<'a>(error: &CallError, by_kind: &'a str) -> &'a str {
    if is_about_credential(error) {
        "upstream_error"
    } else {
        by_kind
    }
}

fn openai_code<'a>(error: &'a CallError, by_kind: &'a str) -> &'a str {
    if is_about_credential(error) {
        return "provider_credential_rejected";
    }
    // A code of another dialect's provider would mislead; ours and a plain upstream code are shown.
    match (error.upstream_failure(), error.code()) {
        (None, Some(code)) => code,
        _ => by_kind,
    }
}

fn anthropic_type<'a>(error: &CallError, status: StatusCode, by_kind: &'a str) -> &'a str {
    if is_about_credential(error) {
        return "api_error";
    }
    match status.as_u16() {
        402 => "billing_error",
        413 => "request_too_large",
        529 => "overloaded_error",
        _ => by_kind,
    }
}
