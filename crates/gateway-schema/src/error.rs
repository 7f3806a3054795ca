//! The error that crosses layers: what failed, who failed, and whether it may be tried again.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Dialect, ProviderName};

/// What failed: the closed vocabulary that retry, fallback, breaker and the error mapping read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong.
    InvalidRequest,
    /// The prompt is longer than the model takes.
    ContextLength,
    /// No credential, or one that is not known.
    Unauthenticated,
    /// Known, but not allowed.
    Forbidden,
    /// No such endpoint, model or path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// The body is not of a kind that is understood.
    UnsupportedMediaType,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The money or quota is used up; waiting does not help soon.
    BudgetExceeded,
    /// A policy or a content filter refused it.
    Blocked,
    /// It took too long.
    Timeout,
    /// Nothing could answer: connection refused, DNS, overload, all targets resting.
    Unavailable,
    /// The provider answered with a fault of its own, or with something that cannot be read.
    Upstream,
    /// The provider has no such capability.
    Unsupported,
    /// The caller left.
    Cancelled,
    /// A fault of the gateway.
    Internal,
}

impl ErrorKind {
    /// Every kind, for table tests.
    pub const ALL: [Self; 17] = [
        Self::InvalidRequest,
        Self::ContextLength,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::BudgetExceeded,
        Self::Blocked,
        Self::Timeout,
        Self::Unavailable,
        Self::Upstream,
        Self::Unsupported,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The name in logs, records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Blocked => "blocked",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::Unsupported => "unsupported",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The caller.
    Client,
    /// The gateway.
    Gateway,
    /// The provider, or the way to it.
    Upstream,
}

impl Origin {
    /// The name in logs, records and the `x-gateway-error-origin` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// Whether the same call may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail the same way everywhere.
    Never,
    /// The same target may well answer.
    Same,
    /// Only another key or target may answer.
    Elsewhere,
    /// The same target asks to wait this long; another may answer at once.
    After(Duration),
}

/// One step of the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// A key.
    Key(String),
    /// A position in a list.
    Index(usize),
}

impl From<&str> for PathSegment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathSegment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// The way to the field, from the top of the body.
    pub path: Vec<PathSegment>,
    /// A short name of the fault (`missing`, `string_type`, ...; MLflow clients see it as `type`).
    pub code: Cow<'static, str>,
    /// What is wrong and what is allowed.
    pub message: String,
    /// What was found, where it may be shown.
    pub input: Option<Value>,
    /// Bounds and expectations, by name.
    pub context: Option<Value>,
}

impl FieldError {
    /// A fault at `path`.
    pub fn new(
        path: Vec<PathSegment>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path,
            code: code.into(),
            message: message.into(),
            input: None,
            context: None,
        }
    }

    /// The path as people write it: `messages[0].role`.
    pub fn dotted(&self) -> String {
        let mut out = String::new();
        for segment in &self.path {
            match segment {
                PathSegment::Key(key) if out.is_empty() => out.push_str(key),
                PathSegment::Key(key) => {
                    out.push('.');
                    out.push_str(key);
                }
                PathSegment::Index(index) => {
                    out.push('[');
                    out.push_str(&index.to_string());
                    out.push(']');
                }
            }
        }
        out
    }
}

/// What the provider said when it failed. Detail: `body` never reaches a caller of another dialect.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct UpstreamFailure {
    /// Which provider.
    pub provider: Option<ProviderName>,
    /// Its HTTP status, if it answered at all.
    pub status: Option<u16>,
    /// Its word for the error (`invalid_request_error`, `ThrottlingException`, `RESOURCE_EXHAUSTED`).
    pub error_type: Option<String>,
    /// Its error code, as text.
    pub code: Option<String>,
    /// The parameter it complained about.
    pub param: Option<String>,
    /// Its own id of the request.
    pub request_id: Option<String>,
    /// The dialect of `body`.
    pub dialect: Option<Dialect>,
    /// The `content-type` of `body`.
    pub content_type: Option<String>,
    /// The body as received, cut to a bound.
    pub body: Vec<u8>,
}

impl fmt::Debug for UpstreamFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamFailure")
            .field("provider", &self.provider)
            .field("status", &self.status)
            .field("error_type", &self.error_type)
            .field("code", &self.code)
            .field("request_id", &self.request_id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The error of a call. One word wide, so that results stay small.
///
/// Two texts: [`message`](Self::message) may be read by a stranger; [`detail`](Self::detail) is for the log.
///
/// ```
/// use gateway_schema::{CallError, ErrorKind, Origin, Retry};
///
/// let error = CallError::client(ErrorKind::NotFound, "There is no endpoint named 'chta'.");
/// assert_eq!(error.origin(), Origin::Client);
/// assert_eq!(error.retry(), Retry::Never);
/// ```
#[derive(Clone, PartialEq)]
pub struct CallError(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    kind: ErrorKind,
    origin: Origin,
    retry: Retry,
    message: Cow<'static, str>,
    detail: Option<String>,
    code: Option<Cow<'static, str>>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    fields: Vec<FieldError>,
    upstream: Option<UpstreamFailure>,
}

impl CallError {
    fn new(kind: ErrorKind, origin: Origin, retry: Retry, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner {
            kind,
            origin,
            retry,
            message,
            detail: None,
            code: None,
            status: None,
            retry_after: None,
            fields: Vec::new(),
            upstream: None,
        }))
    }

    /// The caller's mistake. Never tried again.
    pub fn client(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, Origin::Client, Retry::Never, message.into())
    }

    /// The gateway's own refusal or fault. Never tried again unless said otherwise.
    pub fn gateway(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, Origin::Gateway, Retry::Never, message.into())
    }

    /// The provider's fault, or a fault on the way to it. May be tried elsewhere unless said otherwise.
    pub fn upstream(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, Origin::Upstream, Retry::Elsewhere, message.into())
    }

    /// A request with wrong fields: all of them at once.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let mut message = String::new();
        for field in &fields {
            if !message.is_empty() {
                message.push_str("; ");
            }
            let path = field.dotted();
            if !path.is_empty() {
                message.push_str(&path);
                message.push_str(": ");
            }
            message.push_str(&field.message);
        }
        let mut error = Self::client(ErrorKind::InvalidRequest, message);
        error.0.fields = fields;
        error
    }

    /// Says whether it may be tried again.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        if let Retry::After(wait) = retry {
            self.0.retry_after.get_or_insert(wait);
        }
        self.0.retry = retry;
        self
    }

    /// Says how long the caller should wait.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds what only the log may show.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a short machine-readable name (`model_not_found`, `context_length_exceeded`).
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Fixes the HTTP status where a client's protocol demands another than the kind's own.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds what the provider said.
    pub fn with_upstream(mut self, failure: UpstreamFailure) -> Self {
        self.0.upstream = Some(failure);
        self
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Who failed.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// Whether it may be tried again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The text a stranger may read.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The text for the log.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The short machine-readable name, the provider's own where there is none of ours.
    pub fn code(&self) -> Option<&str> {
        self.0
            .code
            .as_deref()
            .or_else(|| self.0.upstream.as_ref()?.code.as_deref())
    }

    /// The HTTP status that a protocol demands, if any.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the caller should wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The wrong fields, if that is what it is about.
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// What the provider said, if it said something.
    pub fn upstream_failure(&self) -> Option<&UpstreamFailure> {
        self.0.upstream.as_ref()
    }

    /// What the provider said, to be completed on the way up.
    pub fn upstream_failure_mut(&mut self) -> Option<&mut UpstreamFailure> {
        self.0.upstream.as_mut()
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("kind", &self.0.kind)
            .field("origin", &self.0.origin)
            .field("retry", &self.0.retry)
            .field("message", &self.0.message)
            .field("detail", &self.0.detail)
            .field("upstream", &self.0.upstream)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for CallError {}
