//! One failure of a provider means the same however it arrives: as an HTTP status, as an error object in an answer of
//! status 200, and as the first event of a stream.

use bytes::{Bytes, BytesMut};
use gateway_conformance::{FAMILIES, Family, SURFACES, Surface, ask};
use gateway_dialect::event_stream;
use gateway_schema::{CallError, ErrorKind};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

/// A failure as one family reports it: the status, the error, and what it means.
struct Failure {
    family: &'static str,
    status: u16,
    error: Value,
    kind: ErrorKind,
}

fn failure(family: &'static str, status: u16, error: Value, kind: ErrorKind) -> Failure {
    Failure {
        family,
        status,
        error,
        kind,
    }
}

fn openai(status: u16, error_type: &str, code: Option<&str>, kind: ErrorKind) -> Failure {
    let error = json!({"error": {"message": "m", "type": error_type, "code": code, "param": null}});
    failure("openai", status, error, kind)
}

fn anthropic(status: u16, error_type: &str, kind: ErrorKind) -> Failure {
    let error = json!({"type": "error", "error": {"type": error_type, "message": "m"}});
    failure("anthropic", status, error, kind)
}

fn gemini(status: u16, word: &str, kind: ErrorKind) -> Failure {
    let error = json!({"error": {"code": status, "message": "m", "status": word}});
    failure("gemini", status, error, kind)
}

fn bedrock(status: u16, exception: &str, kind: ErrorKind) -> Failure {
    let error = json!({"__type": exception, "message": "m"});
    failure("bedrock-claude", status, error, kind)
}

fn failures() -> Vec<Failure> {
    [of_openai(), of_anthropic(), of_gemini_and_bedrock()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_openai() -> Vec<Failure> {
    let long = "This model's maximum context length is 8 tokens.";
    vec![
        openai(
            400,
            "invalid_request_error",
            Some("context_length_exceeded"),
            ErrorKind::ContextLength,
        ),
        openai(
            400,
            "invalid_request_error",
            None,
            ErrorKind::InvalidRequest,
        ),
        openai(
            401,
            "invalid_request_error",
            Some("invalid_api_key"),
            ErrorKind::Unauthenticated,
        ),
        openai(
            404,
            "invalid_request_error",
            Some("model_not_found"),
            ErrorKind::NotFound,
        ),
        openai(
            429,
            "insufficient_quota",
            Some("insufficient_quota"),
            ErrorKind::BudgetExceeded,
        ),
        openai(
            429,
            "tokens",
            Some("rate_limit_exceeded"),
            ErrorKind::RateLimited,
        ),
        openai(500, "server_error", None, ErrorKind::Upstream),
        failure(
            "openai",
            400,
            json!({"error": {"message": long, "type": "invalid_request_error"}}),
            ErrorKind::ContextLength,
        ),
    ]
}

fn of_anthropic() -> Vec<Failure> {
    vec![
        anthropic(400, "invalid_request_error", ErrorKind::InvalidRequest),
        anthropic(401, "authentication_error", ErrorKind::Unauthenticated),
        anthropic(403, "permission_error", ErrorKind::Forbidden),
        anthropic(404, "not_found_error", ErrorKind::NotFound),
        anthropic(413, "request_too_large", ErrorKind::PayloadTooLarge),
        anthropic(429, "rate_limit_error", ErrorKind::RateLimited),
        anthropic(500, "api_error", ErrorKind::Upstream),
        anthropic(504, "timeout_error", ErrorKind::Timeout),
        anthropic(529, "overloaded_error", ErrorKind::Unavailable),
        failure(
            "anthropic",
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
            ErrorKind::ContextLength,
        ),
    ]
}

fn of_gemini_and_bedrock() -> Vec<Failure> {
    vec![
        gemini(400, "INVALID_ARGUMENT", ErrorKind::InvalidRequest),
        gemini(403, "PERMISSION_DENIED", ErrorKind::Forbidden),
        gemini(404, "NOT_FOUND", ErrorKind::NotFound),
        gemini(429, "RESOURCE_EXHAUSTED", ErrorKind::RateLimited),
        gemini(500, "INTERNAL", ErrorKind::Upstream),
        gemini(503, "UNAVAILABLE", ErrorKind::Unavailable),
        gemini(504, "DEADLINE_EXCEEDED", ErrorKind::Timeout),
        failure(
            "gemini",
            400,
            json!({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}}),
            ErrorKind::Unauthenticated,
        ),
        failure(
            "gemini",
            429,
            json!({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}]}}),
            ErrorKind::RateLimited,
        ),
        bedrock(400, "ValidationException", ErrorKind::InvalidRequest),
        bedrock(408, "ModelTimeoutException", ErrorKind::Timeout),
        bedrock(424, "ModelErrorException", ErrorKind::Upstream),
        bedrock(429, "ThrottlingException", ErrorKind::RateLimited),
        bedrock(500, "InternalServerException", ErrorKind::Upstream),
        bedrock(503, "ServiceUnavailableException", ErrorKind::Unavailable),
    ]
}

/// The failure as the first event of the family's stream.
fn first_event(failure: &Failure, surface: Surface) -> ScriptedReply {
    match failure.family {
        // OpenAI answers this surface by the Responses API, whose error event has no envelope.
        "openai" if surface.name == "openai-responses" => {
            let mut event = failure.error["error"].clone();
            if event["code"].is_null() {
                event["code"] = event["type"].clone();
            }
            event["type"] = "error".into();
            ScriptedReply::sse(Bytes::from(format!("event: error\ndata: {event}\n\n")))
        }
        "bedrock-claude" => {
            let name = failure.error["__type"].as_str().unwrap_or_default();
            let name = name[..1].to_lowercase() + &name[1..];
            let mut out = BytesMut::new();
            event_stream::write_exception(
                &mut out,
                &name,
                json!({"message": failure.error["message"]})
                    .to_string()
                    .as_bytes(),
            );
            ScriptedReply::new(200, "application/vnd.amazon.eventstream", out.freeze())
        }
        "anthropic" => ScriptedReply::sse(Bytes::from(format!(
            "event: error\ndata: {}\n\n",
            failure.error
        ))),
        _ => ScriptedReply::sse(Bytes::from(format!("data: {}\n\n", failure.error))),
    }
}

fn failed(surface: Surface, family: Family, stream: bool, reply: ScriptedReply) -> CallError {
    let body = (surface.question)(stream);
    let asked = ask(surface, family, &body, stream, reply);
    asked
        .error()
        .cloned()
        .unwrap_or_else(|| panic!("{} from {}: no error", family.name, surface.name))
}

#[test]
fn a_failure_means_the_same_as_a_status_as_an_answer_and_as_an_event() {
    for failure in failures() {
        let family = *FAMILIES
            .iter()
            .find(|family| family.name == failure.family)
            .unwrap();
        for surface in SURFACES.iter().copied() {
            let at = format!("{} from {}: {}", family.name, surface.name, failure.error);
            let meaning = |error: &CallError| (error.kind(), error.origin(), error.retry());
            let whole = || ScriptedReply::json(200, &failure.error);
            let status = failed(
                surface,
                family,
                false,
                ScriptedReply::json(failure.status, &failure.error),
            );
            assert_eq!(status.kind(), failure.kind, "{at}");
            let inside = failed(surface, family, false, whole());
            assert_eq!(meaning(&inside), meaning(&status), "in an answer: {at}");
            let event = failed(surface, family, true, first_event(&failure, surface));
            assert_eq!(meaning(&event), meaning(&status), "as an event: {at}");
        }
    }
}
