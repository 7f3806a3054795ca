//! An error that a provider reports, and the one classifier that says what it means.
//!
//! The same failure can arrive as an HTTP status, as an error object in an answer of status 200 and as an event of a
//! stream. All three become a [`RemoteError`] and are classified here, so that kind, retry decision and with it the
//! fallback are the same on every path.

use std::borrow::Cow;
use std::time::Duration;

use crate::{CallError, ErrorKind, Retry, UpstreamFailure};

/// The status of an error that states none and whose words are not known.
const UNKNOWN_STATUS: u16 = 502;

/// An error that a provider reports, in an answer or a stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteError {
    /// The provider's message.
    pub message: String,
    /// The provider's type of the error (`invalid_request_error`, `ThrottlingException`, `RESOURCE_EXHAUSTED`).
    pub error_type: Option<String>,
    /// The provider's code of the error.
    pub code: Option<String>,
    /// The HTTP status that the error states itself.
    pub status: Option<u16>,
    /// How long the error asks to wait, where its body says so.
    pub retry_after: Option<Duration>,
}

impl RemoteError {
    /// The HTTP status of the error: the one it states, else the one that the API gives errors of its type or code.
    pub fn stated_status(&self) -> Option<u16> {
        self.status
            .or_else(|| self.entries().next().map(|entry| entry.status))
    }

    /// Classifies the failure. `answered` is the HTTP status of the answer where that was 400 or above; it counts before
    /// a status that the error states.
    ///
    /// Types and codes that are known decide the kind; then wording about the length of the prompt; then the status.
    pub fn classify(&self, answered: Option<u16>) -> (ErrorKind, Retry) {
        let status = answered
            .or_else(|| self.stated_status())
            .unwrap_or(UNKNOWN_STATUS);
        let kind = self.entries().find_map(|entry| entry.kind);
        let kind = match kind.unwrap_or_else(|| kind_of_status(status)) {
            ErrorKind::InvalidRequest | ErrorKind::PayloadTooLarge
                if matches!(status, 400 | 413 | 422) && is_about_length(&self.message) =>
            {
                ErrorKind::ContextLength
            }
            kind => kind,
        };
        let retry = match self.retry_after {
            Some(wait) if retry_of(kind, status) != Retry::Never => Retry::After(wait),
            _ => retry_of(kind, status),
        };
        (kind, retry)
    }

    /// The failure as the error of a call, of origin upstream. `answered` as in [`classify`](Self::classify).
    pub fn to_call_error(&self, answered: Option<u16>) -> CallError {
        let (kind, retry) = self.classify(answered);
        let status = answered
            .or_else(|| self.stated_status())
            .unwrap_or(UNKNOWN_STATUS);
        let message: Cow<'static, str> = if !self.message.is_empty() {
            self.message.clone().into()
        } else if answered.is_some() {
            format!("The provider answered with status {status} and no message.").into()
        } else {
            "The provider reported an error without a message.".into()
        };
        let failure = UpstreamFailure {
            status: Some(status),
            error_type: self.error_type.clone(),
            code: self.code.clone(),
            ..UpstreamFailure::default()
        };
        CallError::upstream(kind, message)
            .with_retry(retry)
            .with_upstream(failure)
    }

    /// The table's rows for the code, then for the type.
    fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        [&self.code, &self.error_type]
            .into_iter()
            .flatten()
            .filter_map(|word| find(bare(word)))
    }
}

/// What a status of 400 or above means when nothing else is known.
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
        // A conflict is a race on the provider's side, and so is a dependency of it that failed.
        409 | 424 | 425 => ErrorKind::Upstream,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::Unsupported,
        502 | 503 | 520..=523 | 529 => ErrorKind::Unavailable,
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
        // Redirects are never followed, and would lead to the same place again.
        ErrorKind::Upstream if status >= 400 => Retry::Same,
        _ => Retry::Elsewhere,
    }
}

/// One type or code of a provider's errors.
#[derive(Debug)]
struct Entry {
    /// As the provider spells it; compared without regard to case.
    word: &'static str,
    /// The status that the provider's documentation gives it.
    status: u16,
    /// What it means, where it says more than the status beside it.
    kind: Option<ErrorKind>,
}

const fn decides(word: &'static str, status: u16, kind: ErrorKind) -> Entry {
    Entry {
        word,
        status,
        kind: Some(kind),
    }
}

const fn vague(word: &'static str, status: u16) -> Entry {
    Entry {
        word,
        status,
        kind: None,
    }
}

/// OpenAI's types and codes, and those of the services that imitate it; Anthropic's types
/// (<https://platform.claude.com/docs/en/api/errors>); Google's canonical codes and reasons
/// (<https://cloud.google.com/apis/design/errors>); the exceptions of Bedrock's service model. Read 2026-11-21.
const WORDS: &[Entry] = &[
    decides("context_length_exceeded", 400, ErrorKind::ContextLength),
    decides("exceed_context_size_error", 400, ErrorKind::ContextLength),
    decides("too_many_tokens", 400, ErrorKind::ContextLength),
    decides("content_filter", 400, ErrorKind::Blocked),
    decides("content_policy_violation", 400, ErrorKind::Blocked),
    decides("moderation_blocked", 400, ErrorKind::Blocked),
    decides("insufficient_quota", 429, ErrorKind::BudgetExceeded),
    decides("billing_hard_limit_reached", 400, ErrorKind::BudgetExceeded),
    decides("billing_not_active", 429, ErrorKind::BudgetExceeded),
    decides("billing_error", 402, ErrorKind::BudgetExceeded),
    decides("invalid_api_key", 401, ErrorKind::Unauthenticated),
    decides("authentication_error", 401, ErrorKind::Unauthenticated),
    decides("unauthenticated", 401, ErrorKind::Unauthenticated),
    decides("api_key_invalid", 400, ErrorKind::Unauthenticated),
    decides("api_key_expired", 400, ErrorKind::Unauthenticated),
    decides("access_token_expired", 401, ErrorKind::Unauthenticated),
    decides("permission_error", 403, ErrorKind::Forbidden),
    decides("permission_denied", 403, ErrorKind::Forbidden),
    decides("model_not_found", 404, ErrorKind::NotFound),
    decides("not_found_error", 404, ErrorKind::NotFound),
    decides("rate_limit_error", 429, ErrorKind::RateLimited),
    decides("rate_limit_exceeded", 429, ErrorKind::RateLimited),
    decides("resource_exhausted", 429, ErrorKind::RateLimited),
    decides("request_too_large", 413, ErrorKind::PayloadTooLarge),
    decides("timeout_error", 504, ErrorKind::Timeout),
    decides("overloaded_error", 529, ErrorKind::Unavailable),
    decides("service_unavailable", 503, ErrorKind::Unavailable),
    decides("unavailable", 503, ErrorKind::Unavailable),
    decides("not_supported_error", 400, ErrorKind::Unsupported),
    vague("invalid_request_error", 400),
    vague("conflict_error", 409),
    vague("api_error", 500),
    vague("server_error", 500),
    vague("internal_server_error", 500),
    vague("invalid_argument", 400),
    vague("failed_precondition", 400),
    vague("out_of_range", 400),
    vague("not_found", 404),
    vague("aborted", 409),
    vague("cancelled", 499),
    vague("internal", 500),
    vague("deadline_exceeded", 504),
    decides("ValidationException", 400, ErrorKind::InvalidRequest),
    decides("SerializationException", 400, ErrorKind::InvalidRequest),
    decides("ServiceQuotaExceededException", 400, ErrorKind::RateLimited),
    decides("ThrottlingException", 429, ErrorKind::RateLimited),
    decides("TooManyRequestsException", 429, ErrorKind::RateLimited),
    decides("ModelNotReadyException", 429, ErrorKind::Unavailable),
    decides("ServiceUnavailableException", 503, ErrorKind::Unavailable),
    decides("ModelTimeoutException", 408, ErrorKind::Timeout),
    decides("ModelErrorException", 424, ErrorKind::Upstream),
    decides("ModelStreamErrorException", 424, ErrorKind::Upstream),
    decides("InternalServerException", 500, ErrorKind::Upstream),
    decides("InternalFailure", 500, ErrorKind::Upstream),
    decides("ResourceNotFoundException", 404, ErrorKind::NotFound),
    decides("UnknownOperationException", 404, ErrorKind::NotFound),
    decides("AccessDeniedException", 403, ErrorKind::Forbidden),
    decides("OptInRequired", 403, ErrorKind::Forbidden),
    decides("ExpiredTokenException", 403, ErrorKind::Unauthenticated),
    decides(
        "UnrecognizedClientException",
        403,
        ErrorKind::Unauthenticated,
    ),
    decides("InvalidClientTokenId", 403, ErrorKind::Unauthenticated),
    decides("InvalidSignatureException", 403, ErrorKind::Unauthenticated),
    decides("SignatureDoesNotMatch", 403, ErrorKind::Unauthenticated),
    decides(
        "IncompleteSignatureException",
        403,
        ErrorKind::Unauthenticated,
    ),
    decides(
        "MissingAuthenticationTokenException",
        403,
        ErrorKind::Unauthenticated,
    ),
    decides("NotAuthorized", 403, ErrorKind::Unauthenticated),
];

fn find(word: &str) -> Option<&'static Entry> {
    WORDS
        .iter()
        .find(|entry| entry.word.eq_ignore_ascii_case(word))
}

/// The name of an exception without the namespace before it and the address behind it, as AWS adds them.
fn bare(word: &str) -> &str {
    let word = word.split(':').next().unwrap_or_default();
    word.rsplit('#').next().unwrap_or_default().trim()
}

/// Some providers say only in prose that the prompt is too long.
fn is_about_length(message: &str) -> bool {
    const PROSE: &[&str] = &[
        "prompt is too long",
        "prompt is longer",
        "maximum context length",
        "context length exceeded",
        "context window",
        "exceeds the available context size",
        "input is too long",
        "too many tokens:",
        "too many input tokens",
        "expected maxlength",
        "exceeds the maximum number of tokens",
    ];
    let message = message.to_ascii_lowercase();
    PROSE.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(code: &str) -> RemoteError {
        RemoteError {
            message: "m".to_owned(),
            code: Some(code.to_owned()),
            ..RemoteError::default()
        }
    }

    #[test]
    fn every_known_word_means_the_same_with_and_without_a_status() {
        for entry in WORDS {
            let without = coded(entry.word).classify(None);
            let with = coded(entry.word).classify(Some(entry.status));
            assert_eq!(without, with, "{}", entry.word);
            let typed = RemoteError {
                error_type: Some(entry.word.to_uppercase()),
                status: Some(entry.status),
                ..RemoteError::default()
            };
            assert_eq!(typed.classify(None), with, "{}", entry.word);
        }
    }

    #[test]
    fn every_status_means_the_same_as_an_answer_and_inside_one() {
        for status in 300..600 {
            let stated = RemoteError {
                status: Some(status),
                ..RemoteError::default()
            };
            let answered = RemoteError::default().classify(Some(status));
            assert_eq!(stated.classify(None), answered, "{status}");
        }
    }

    #[test]
    fn an_error_without_words_and_status_is_the_providers_fault() {
        assert_eq!(
            RemoteError::default().classify(None),
            (ErrorKind::Unavailable, Retry::Same)
        );
    }

    #[test]
    fn length_in_prose_counts_for_bad_requests_only() {
        let long = RemoteError {
            message: "The input token count (9) exceeds the maximum number of tokens allowed (8)."
                .to_owned(),
            ..RemoteError::default()
        };
        assert_eq!(long.classify(Some(400)).0, ErrorKind::ContextLength);
        assert_eq!(long.classify(Some(500)).0, ErrorKind::Upstream);
    }

    #[test]
    fn a_wait_in_the_body_counts_unless_the_request_is_wrong() {
        let wait = Duration::from_secs(3);
        let limited = RemoteError {
            retry_after: Some(wait),
            ..coded("RESOURCE_EXHAUSTED")
        };
        assert_eq!(limited.classify(None).1, Retry::After(wait));
        let wrong = RemoteError {
            retry_after: Some(wait),
            ..coded("invalid_argument")
        };
        assert_eq!(wrong.classify(None).1, Retry::Never);
    }
}
