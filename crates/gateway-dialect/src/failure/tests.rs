use gateway_schema::{ErrorKind, Retry};

use super::*;

fn read(status: u16, content_type: &str, body: &str) -> CallError {
    error(Dialect::OPENAI, status, Some(content_type), body.as_bytes())
}

#[test]
fn every_envelope_gives_up_its_message() {
    for (body, message, code) in [
        (
            r#"{"error":{"message":"m","type":"t","code":"c","param":null}}"#,
            "m",
            Some("c"),
        ),
        (
            r#"{"type":"error","error":{"type":"t","message":"m"},"request_id":null}"#,
            "m",
            None,
        ),
        (r#"{"error":"m"}"#, "m", None),
        (r#"{"detail":"m"}"#, "m", None),
        (r#"{"detail":{"message":"m"}}"#, "m", None),
        (
            r#"{"detail":[{"loc":["body"],"msg":"m","type":"missing"}]}"#,
            "m",
            None,
        ),
        (
            r#"{"object":"error","message":"m","code":"3051","type":"t"}"#,
            "m",
            Some("3051"),
        ),
        (
            r#"[{"error":{"code":401,"message":"m","status":"UNAUTHENTICATED"}}]"#,
            "m",
            Some("401"),
        ),
        (r#"{"errors":[{"message":"m"}]}"#, "m", None),
        (r#"{"Message":"m"}"#, "m", None),
        (r#"{"error":null,"message":"m"}"#, "m", None),
        (r#""m""#, "m", None),
        ("  m \n", "m", None),
        ("<!DOCTYPE html><html><title> m </title>", "m", None),
    ] {
        let failed = read(418, "application/json", body);
        assert_eq!((failed.message(), failed.code()), (message, code), "{body}");
        assert_eq!(
            failed.kind(),
            if code == Some("401") {
                ErrorKind::Unauthenticated
            } else {
                ErrorKind::InvalidRequest
            }
        );
    }
}

#[test]
fn an_answer_without_words_is_described() {
    for body in [
        "",
        "{}",
        "null",
        "[]",
        "<html><body>no</body></html>",
        r#"{"error":{}}"#,
    ] {
        let failed = read(500, "text/html", body);
        assert_eq!(failed.kind(), ErrorKind::Upstream);
        assert!(
            failed.message().contains("500"),
            "{body}: {}",
            failed.message()
        );
    }
}

#[test]
fn words_count_more_than_the_status() {
    for (status, body, kind, retry) in [
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            ErrorKind::BudgetExceeded,
            Retry::Elsewhere,
        ),
        (
            429,
            r#"{"error":{"type":"tokens"}}"#,
            ErrorKind::RateLimited,
            Retry::Same,
        ),
        (
            400,
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            ErrorKind::ContextLength,
            Retry::Elsewhere,
        ),
        (
            400,
            r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}"#,
            ErrorKind::ContextLength,
            Retry::Elsewhere,
        ),
        (
            400,
            r#"{"error":{"code":"content_filter"}}"#,
            ErrorKind::Blocked,
            Retry::Never,
        ),
        (
            400,
            r#"{"error":{"type":"invalid_request_error"}}"#,
            ErrorKind::InvalidRequest,
            Retry::Never,
        ),
        (
            529,
            r#"{"error":{"type":"overloaded_error"}}"#,
            ErrorKind::Unavailable,
            Retry::Same,
        ),
        (
            401,
            r#"{"error":{"type":"api_error"}}"#,
            ErrorKind::Unauthenticated,
            Retry::Elsewhere,
        ),
        (504, "", ErrorKind::Timeout, Retry::Same),
        (302, "", ErrorKind::Upstream, Retry::Elsewhere),
    ] {
        let failed = read(status, "application/json", body);
        assert_eq!(
            (failed.kind(), failed.retry()),
            (kind, retry),
            "{status} {body}"
        );
        assert_eq!(
            failed.upstream_failure().and_then(|said| said.status),
            Some(status)
        );
    }
}

#[test]
fn an_error_inside_a_good_answer_keeps_the_status_it_states() {
    let value: Value = serde_json::from_str(
        r#"{"error":{"message":"m","type":"invalid_request_error","status_code":400}}"#,
    )
    .unwrap();
    let remote = RemoteError::from(ErrorDetails::from_value(&value));
    assert_eq!(remote.status, Some(400));
    assert_eq!(
        error_within(Dialect::OPENAI, &remote).kind(),
        ErrorKind::InvalidRequest
    );
    let vague = RemoteError {
        message: "m".into(),
        error_type: Some("overloaded_error".into()),
        ..RemoteError::default()
    };
    assert_eq!(
        error_within(Dialect::ANTHROPIC, &vague)
            .upstream_failure()
            .unwrap()
            .status,
        Some(529)
    );
}

#[test]
fn long_texts_are_cut_between_characters() {
    let failed = read(500, "text/plain", &"ä".repeat(100_000));
    assert!(failed.message().len() <= SHOWN_TEXT_BYTES && failed.message().ends_with('ä'));
    assert_eq!(
        failed.upstream_failure().unwrap().body.len(),
        KEPT_BODY_BYTES
    );
}
