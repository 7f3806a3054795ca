//! One row per kind.

use gateway_schema::ErrorKind;

/// What a kind is called.
pub(crate) struct Row {
    /// The HTTP status when no provider gave one.
    pub(crate) status: u16,
    /// OpenAI's `type`.
    pub(crate) openai: &'static str,
    /// OpenAI's `code`, when the error has none of its own.
    pub(crate) code: &'static str,
    /// Anthropic's `type`.
    pub(crate) anthropic: &'static str,
    /// Google's canonical status.
    pub(crate) google: &'static str,
    /// Bedrock's exception.
    pub(crate) bedrock: &'static str,
}

const fn make(
    status: u16,
    [openai, code]: [&'static str; 2],
    anthropic: &'static str,
    google: &'static str,
    bedrock: &'static str,
) -> Row {
    Row {
        status,
        openai,
        code,
        anthropic,
        google,
        bedrock,
    }
}

const INVALID: &str = "invalid_request_error";

/// The row of a kind.
#[rustfmt::skip]
pub(crate) const fn row(kind: ErrorKind) -> Row {
    match kind {
        ErrorKind::InvalidRequest => make(400, [INVALID, "invalid_request"], INVALID, "INVALID_ARGUMENT", "ValidationException"),
        ErrorKind::ContextLength => make(400, [INVALID, "context_length_exceeded"], INVALID, "INVALID_ARGUMENT", "ValidationException"),
        ErrorKind::Unauthenticated => make(401, ["authentication_error", "invalid_api_key"], "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException"),
        ErrorKind::Forbidden => make(403, ["permission_error", "forbidden"], "permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
        ErrorKind::NotFound => make(404, [INVALID, "not_found"], "not_found_error", "NOT_FOUND", "ResourceNotFoundException"),
        ErrorKind::MethodNotAllowed => make(405, [INVALID, "method_not_allowed"], INVALID, "UNIMPLEMENTED", "ValidationException"),
        ErrorKind::PayloadTooLarge => make(413, [INVALID, "request_too_large"], "request_too_large", "INVALID_ARGUMENT", "ValidationException"),
        ErrorKind::UnsupportedMediaType => make(415, [INVALID, "unsupported_media_type"], INVALID, "INVALID_ARGUMENT", "ValidationException"),
        ErrorKind::RateLimited => make(429, ["rate_limit_error", "rate_limit_exceeded"], "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"),
        ErrorKind::BudgetExceeded => make(429, ["insufficient_quota", "insufficient_quota"], "billing_error", "RESOURCE_EXHAUSTED", "ServiceQuotaExceededException"),
        ErrorKind::Blocked => make(400, [INVALID, "content_filter"], INVALID, "FAILED_PRECONDITION", "ValidationException"),
        ErrorKind::Timeout => make(504, ["server_error", "timeout"], "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
        ErrorKind::Unavailable => make(503, ["server_error", "unavailable"], "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
        ErrorKind::Upstream => make(502, ["server_error", "upstream_error"], "api_error", "INTERNAL", "ModelErrorException"),
        ErrorKind::Unsupported => make(400, [INVALID, "unsupported"], INVALID, "UNIMPLEMENTED", "ValidationException"),
        ErrorKind::Cancelled => make(499, ["server_error", "cancelled"], "api_error", "CANCELLED", "InternalServerException"),
        _ => make(500, ["server_error", "internal_error"], "api_error", "INTERNAL", "InternalServerException"),
    }
}
