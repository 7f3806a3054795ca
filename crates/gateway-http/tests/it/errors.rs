//! Failures of calls, as a caller sees them.

use std::time::Duration;

use gateway_provider::{Attempt, Call, Reply};
use gateway_schema::{CallError, Dialect, ErrorKind, Retry, UpstreamFailure};
use http::StatusCode;
use http_body_util::Full;
use tower::ServiceExt;

use crate::harness::{Got, Script, WAYS, Way, edge, post, read, send};

async fn fail(way: Way, error: CallError) -> Got {
    let script = Script::answering(Err(error));
    send(&script, post(way.path(), way.streaming("chat"))).await
}

fn said(dialect: Dialect, status: u16, body: &str) -> UpstreamFailure {
    let mut failure = UpstreamFailure::default();
    failure.provider = Some("acme".into());
    failure.status = Some(status);
    failure.dialect = Some(dialect);
    failure.content_type = Some("application/json".to_owned());
    failure.body = body.as_bytes().to_vec();
    failure
}

fn own_body(way: Way) -> &'static str {
    match way {
        Way::OpenAi => {
            r#"{ "error": {"message":"Bad temperature.","type":"invalid_request_error","param":"temperature","code":null,"more":1} }"#
        }
        Way::Anthropic => {
            r#"{ "type":"error", "error": {"type":"invalid_request_error","message":"Bad temperature."},"request_id":"req_9"}"#
        }
    }
}

#[tokio::test]
async fn a_provider_s_error_of_the_same_dialect_passes_as_it_came() {
    for way in WAYS {
        let error = CallError::upstream(ErrorKind::InvalidRequest, "Bad temperature.")
            .with_upstream(said(way.dialect(), 422, own_body(way)));
        let got = fail(way, error).await;
        assert_eq!(got.status.as_u16(), 422);
        assert_eq!(got.text(), own_body(way));
        assert_eq!(got.header("x-gateway-error-origin"), "upstream");
    }
}

#[tokio::test]
async fn a_provider_s_error_of_another_dialect_is_rewritten_with_its_message_and_status() {
    for (way, other) in [(Way::OpenAi, Way::Anthropic), (Way::Anthropic, Way::OpenAi)] {
        let error = CallError::upstream(ErrorKind::RateLimited, "Slow down.")
            .with_retry(Retry::After(Duration::from_millis(1500)))
            .with_upstream(said(other.dialect(), 429, own_body(other)));
        let got = fail(way, error).await;
        assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
        let message = way.message(&got.json());
        assert_eq!(message, "The provider acme answered 429: Slow down.");
        assert_eq!(got.header("retry-after"), "2");
        assert_eq!(got.header("retry-after-ms"), "1500");
    }
}

#[tokio::test]
async fn a_body_that_is_no_error_of_the_dialect_is_rewritten() {
    for body in [
        "<html>bad gateway</html>",
        "",
        "{\"error\":\"text\"}",
        "{\"error\":{\"message\":\"x\",\"type\":null}}",
    ] {
        for way in WAYS {
            let error = CallError::upstream(ErrorKind::Upstream, "It failed.").with_upstream(said(
                way.dialect(),
                500,
                body,
            ));
            let got = fail(way, error).await;
            assert_eq!(got.status.as_u16(), 500);
            assert!(
                way.message(&got.json())
                    .contains("acme answered 500: It failed.")
            );
        }
    }
}

#[tokio::test]
async fn a_rejected_credential_of_the_gateway_is_not_the_caller_s() {
    for way in WAYS {
        for status in [401, 403] {
            let error = CallError::upstream(
                ErrorKind::Unauthenticated,
                "Incorrect API key provided: sk-***.",
            )
            .with_upstream(said(way.dialect(), status, own_body(way)));
            let got = fail(way, error).await;
            assert_eq!(got.status.as_u16(), status);
            let body = got.json();
            let message = way.message(&body);
            assert!(message.contains("gateway's credential"), "{message}");
            assert!(message.contains("Incorrect API key provided: sk-***."));
            let kind = body["error"]["type"].as_str().unwrap();
            assert!(["upstream_error", "api_error"].contains(&kind), "{kind}");
        }
    }
}

#[tokio::test]
async fn detail_and_secrets_stay_in_the_log() {
    for way in WAYS {
        let error = CallError::gateway(ErrorKind::Internal, "It failed.")
            .with_detail("connect 10.1.2.3 with sk-secret");
        let got = fail(way, error).await;
        assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!got.text().contains("10.1.2.3"), "{}", got.text());
        assert!(got.text().contains("It failed."));
    }
}

/// Notes attempts, then fails on the way to the last provider.
#[derive(Clone)]
struct Trying;

impl tower::Service<Call> for Trying {
    type Response = Reply;
    type Error = CallError;
    type Future = std::future::Ready<Result<Reply, CallError>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), CallError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let attempt = |provider: &str, model: &str| {
            Attempt::new(
                "chat".into(),
                provider.into(),
                model.into(),
                Dialect::OPENAI,
            )
        };
        let mut first = attempt("openai", "gpt-4o");
        first.status = Some(429);
        let mut second = attempt("anthropic", "claude");
        let error = CallError::upstream(ErrorKind::Unavailable, "The connection was refused.");
        second.error = Some((error.kind(), error.origin()));
        call.context.journal.notes().attempts = vec![first, second];
        call.context
            .journal
            .notes()
            .losses
            .dropped("seed", "unknown there");
        std::future::ready(Err(error))
    }
}

#[tokio::test]
async fn attempts_and_losses_are_told_and_a_transport_fault_names_the_provider() {
    for way in WAYS {
        let request = post(way.path(), way.body("chat")).map(Full::new);
        let got = read(edge(Trying).oneshot(request).await.unwrap()).await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY);
        assert_eq!(
            way.message(&got.json()),
            "Provider anthropic: The connection was refused."
        );
        assert_eq!(
            got.header("x-gateway-attempts"),
            "openai/gpt-4o:429,anthropic/claude:unavailable"
        );
        assert_eq!(got.header("x-gateway-losses"), "1");
    }
}

#[tokio::test]
async fn attempts_with_long_names_are_cut() {
    let service = tower::service_fn(|call: Call| {
        let long = "x".repeat(100_000);
        let attempt = || {
            let mut attempt = Attempt::new(
                "chat".into(),
                long.as_str().into(),
                long.as_str().into(),
                Dialect::OPENAI,
            );
            attempt.status = Some(500);
            attempt
        };
        let mut notes = call.context.journal.notes();
        notes.attempts = (0..100).map(|_| attempt()).collect();
        notes.variant = Some(long.as_str().into());
        notes.variant_reason = Some(long.as_str().into());
        drop(notes);
        std::future::ready(Err::<Reply, _>(CallError::upstream(
            ErrorKind::Unavailable,
            "The connection was refused.",
        )))
    });
    for way in WAYS {
        let request = post(way.path(), way.body("chat")).map(Full::new);
        let got = edge(service).oneshot(request).await.unwrap();
        let headers = got.headers().iter();
        let ours = headers.filter(|(name, _)| name.as_str().starts_with("x-gateway-"));
        let bytes: usize = ours
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        assert!(bytes < 4_096, "{bytes}");
    }
}
