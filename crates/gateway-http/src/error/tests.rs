use std::time::Duration;

use gateway_schema::{CallError, Dialect, ErrorKind, FieldError, Origin, Retry, UpstreamFailure};
use serde_json::{Value, json};

use super::{Audience, Rendered, event, response};

const DIALECTS: [Dialect; 8] = [
    Dialect::OPENAI,
    Dialect::OPENAI_RESPONSES,
    Dialect::ANTHROPIC,
    Dialect::GEMINI,
    Dialect::BEDROCK,
    Dialect::COHERE,
    Dialect::RERANK,
    Dialect::MLFLOW,
];

fn audience(dialect: Dialect) -> Audience<'static> {
    Audience {
        dialect,
        request_id: "req-1",
        provider: None,
    }
}

fn body(rendered: &Rendered) -> Value {
    serde_json::from_slice(&rendered.body).unwrap()
}

type Expected = (
    ErrorKind,
    u16,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u16,
);

/// What a gateway's own error of each kind is: status, OpenAI type and code, Anthropic type, Google status, Bedrock
/// exception, and MLflow's status.
#[rustfmt::skip]
const TABLE: [Expected; 17] = [
    (ErrorKind::InvalidRequest, 400, "invalid_request_error", "invalid_request", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException", 400),
    (ErrorKind::ContextLength, 400, "invalid_request_error", "context_length_exceeded", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException", 400),
    (ErrorKind::Unauthenticated, 401, "authentication_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException", 401),
    (ErrorKind::Forbidden, 403, "permission_error", "forbidden", "permission_error", "PERMISSION_DENIED", "AccessDeniedException", 403),
    (ErrorKind::NotFound, 404, "invalid_request_error", "not_found", "not_found_error", "NOT_FOUND", "ResourceNotFoundException", 404),
    (ErrorKind::MethodNotAllowed, 405, "invalid_request_error", "method_not_allowed", "invalid_request_error", "UNIMPLEMENTED", "ValidationException", 405),
    (ErrorKind::PayloadTooLarge, 413, "invalid_request_error", "request_too_large", "request_too_large", "INVALID_ARGUMENT", "ValidationException", 413),
    (ErrorKind::UnsupportedMediaType, 415, "invalid_request_error", "unsupported_media_type", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException", 415),
    (ErrorKind::RateLimited, 429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException", 429),
    (ErrorKind::BudgetExceeded, 429, "insufficient_quota", "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", "ServiceQuotaExceededException", 429),
    (ErrorKind::Blocked, 400, "invalid_request_error", "content_filter", "invalid_request_error", "FAILED_PRECONDITION", "ValidationException", 400),
    (ErrorKind::Timeout, 504, "server_error", "timeout", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException", 504),
    (ErrorKind::Unavailable, 503, "server_error", "unavailable", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException", 503),
    (ErrorKind::Upstream, 502, "server_error", "upstream_error", "api_error", "INTERNAL", "ModelErrorException", 502),
    (ErrorKind::Unsupported, 400, "invalid_request_error", "unsupported", "invalid_request_error", "UNIMPLEMENTED", "ValidationException", 501),
    (ErrorKind::Cancelled, 499, "server_error", "cancelled", "api_error", "CANCELLED", "InternalServerException", 499),
    (ErrorKind::Internal, 500, "server_error", "internal_error", "api_error", "INTERNAL", "InternalServerException", 500),
];

#[test]
fn every_kind_has_its_place_in_every_dialect() {
    assert_eq!(TABLE.map(|row| row.0), ErrorKind::ALL);
    for (kind, status, openai, code, anthropic, google, bedrock, mlflow) in TABLE {
        let error = CallError::gateway(kind, "It is so.");
        for dialect in DIALECTS {
            let out = response(&error, audience(dialect));
            let expected = match dialect {
                Dialect::ANTHROPIC => json!({
                    "type": "error",
                    "error": {"type": anthropic, "message": "It is so."},
                    "request_id": "req-1",
                }),
                Dialect::GEMINI => {
                    json!({"error": {"code": status, "message": "It is so.", "status": google}})
                }
                Dialect::BEDROCK => json!({"message": "It is so."}),
                Dialect::COHERE => json!({"id": "req-1", "message": "It is so."}),
                Dialect::MLFLOW if kind == ErrorKind::MethodNotAllowed => {
                    json!({"detail": "Method Not Allowed"})
                }
                Dialect::MLFLOW if kind == ErrorKind::RateLimited => {
                    json!({"error": "It is so.", "detail": "It is so."})
                }
                Dialect::MLFLOW => json!({"detail": "It is so."}),
                _ => json!({"error": {
                    "message": "It is so.", "type": openai, "param": null, "code": code,
                }}),
            };
            assert_eq!(body(&out), expected, "{kind} {dialect}");
            let status = match dialect {
                Dialect::MLFLOW => mlflow,
                _ => status,
            };
            assert_eq!(out.status.as_u16(), status, "{kind} {dialect}");
            assert_eq!(out.headers["x-gateway-error-origin"], "gateway");
            assert_eq!(out.headers["content-type"], "application/json");
            let exception = out.headers.get("x-amzn-errortype");
            let named = (dialect == Dialect::BEDROCK).then_some(bedrock);
            assert_eq!(exception.map(|value| value.to_str().unwrap()), named);
        }
    }
}

#[test]
fn every_kind_has_an_event_in_every_dialect() {
    for kind in ErrorKind::ALL {
        for dialect in DIALECTS {
            let error = CallError::gateway(kind, "It is so.");
            let event = event(&error, audience(dialect));
            let text = event.to_string();
            let said = text.contains("It is so.") || text.contains("Method Not Allowed");
            assert!(said, "{kind} {dialect}: {text}");
        }
    }
}

#[test]
fn faults_on_the_way_to_the_provider_are_502_and_504() {
    for dialect in DIALECTS {
        for (kind, status) in [
            (ErrorKind::Unavailable, 502),
            (ErrorKind::Upstream, 502),
            (ErrorKind::Timeout, 504),
        ] {
            // MLflow's table is its own.
            if dialect == Dialect::MLFLOW && kind == ErrorKind::Unavailable {
                continue;
            }
            let error = CallError::upstream(kind, "No.");
            assert_eq!(
                response(&error, audience(dialect)).status.as_u16(),
                status,
                "{kind} {dialect}"
            );
        }
    }
}

#[test]
fn a_provider_s_status_is_kept_unless_it_means_nothing_here() {
    for (said, anthropic, others) in [
        (400, 400, 400),
        (402, 402, 402),
        (418, 418, 418),
        (499, 499, 499),
        (500, 500, 500),
        (503, 503, 503),
        (529, 529, 503),
        (302, 502, 502),
        (200, 502, 502),
    ] {
        let mut failure = UpstreamFailure::default();
        failure.status = Some(said);
        let error = CallError::upstream(ErrorKind::Upstream, "No.").with_upstream(failure);
        let status = |dialect| response(&error, audience(dialect)).status.as_u16();
        assert_eq!(status(Dialect::ANTHROPIC), anthropic, "{said}");
        assert_eq!(status(Dialect::OPENAI), others, "{said}");
    }
}

#[test]
fn when_to_come_back_is_told_in_seconds_and_milliseconds() {
    let error = CallError::gateway(ErrorKind::RateLimited, "Slower.")
        .with_retry(Retry::After(Duration::from_millis(250)));
    let out = response(&error, audience(Dialect::OPENAI));
    assert_eq!(out.headers["retry-after"], "1");
    assert_eq!(out.headers["retry-after-ms"], "250");
    let error = CallError::gateway(ErrorKind::BudgetExceeded, "All spent.");
    let out = response(&error, audience(Dialect::OPENAI));
    assert_eq!(out.headers["x-should-retry"], "false");
    assert!(!out.headers.contains_key("retry-after"));
}

#[test]
fn wrong_fields_are_all_told_and_the_first_is_the_parameter() {
    let error = CallError::fields(vec![
        FieldError::new(
            vec!["messages".into(), 0.into(), "role".into()],
            "missing",
            "this field is required",
        ),
        FieldError::new(vec!["n".into()], "int_type", "a number is expected"),
    ]);
    assert_eq!(error.origin(), Origin::Client);
    let out = body(&response(&error, audience(Dialect::OPENAI)));
    assert_eq!(out["error"]["param"], "messages[0].role");
    assert_eq!(
        out["error"]["message"],
        "messages[0].role: this field is required; n: a number is expected"
    );
}

#[test]
fn the_provider_s_words_reach_a_caller_of_its_dialect_even_when_its_body_does_not() {
    let mut failure = UpstreamFailure::default();
    failure.provider = Some("acme".into());
    failure.status = Some(400);
    failure.dialect = Some(Dialect::OPENAI);
    failure.error_type = Some("tokens".to_owned());
    failure.code = Some("too_many".to_owned());
    failure.param = Some("n".to_owned());
    let error = CallError::upstream(ErrorKind::InvalidRequest, "No.").with_upstream(failure);
    let words = |dialect| body(&response(&error, audience(dialect)))["error"].clone();
    let own = words(Dialect::OPENAI);
    assert_eq!(
        own,
        json!({"message": "The provider acme answered 400: No.", "type": "tokens", "param": "n", "code": "too_many"})
    );
    assert_eq!(words(Dialect::ANTHROPIC)["type"], "invalid_request_error");
    assert_eq!(words(Dialect::OPENAI_RESPONSES)["code"], "invalid_request");
}
