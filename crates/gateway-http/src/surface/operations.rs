//! How the gateway is: `/health`, `/livez`, `/readyz`, `/version`, `/metrics`.
//!
//! The first three are answered without a credential, also where callers need one.

use gateway_schema::{CallError, ErrorKind};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Action, Answer, AnswerBody, Question, Route, Surface};
use crate::directory::{BreakerHealth, Metrics};

pub(super) struct Operations;

const fn head(path: &'static str, answer: fn(&Question<'_>) -> Result<Answer, CallError>) -> Route {
    Route {
        method: Method::HEAD,
        path,
        when: None,
        open: true,
        action: Action::Tell(answer),
    }
}

static ROUTES: &[Route] = &[
    Route::tell("/health", health).open(),
    Route::tell("/livez", livez).open(),
    Route::tell("/readyz", readyz).open(),
    Route::tell("/version", version),
    Route::tell("/metrics", metrics),
    head("/health", health),
    head("/livez", livez),
    head("/readyz", readyz),
];

impl Surface for Operations {
    fn name(&self) -> &'static str {
        "operations"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }
}

/// MLflow's own answer; why the newest configuration was refused, if it was; which shared store is away, if one is; which
/// targets are left alone, if any are.
#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn health(question: &Question<'_>) -> Result<Answer, CallError> {
    let health = question.directory.health();
    let mut told = json!({"status": "OK"});
    if let Value::Object(fields) = &mut told {
        if let Some(why) = health.refused_reload {
            fields.insert("reload".to_owned(), because("refused", &why));
        }
        if let Some((name, why)) = health.store_away {
            let stores = json!({name: because("away", &why)});
            fields.insert("stores".to_owned(), stores);
        }
        if !health.breakers.is_empty() {
            let breakers = health.breakers.iter().map(breaker).collect();
            fields.insert("breakers".to_owned(), breakers);
        }
    }
    Ok(Answer::json(&told))
}

/// A state and its reason, for callers that may know it.
fn because(status: &str, why: &str) -> Value {
    if why.is_empty() {
        json!({"status": status})
    } else {
        json!({"status": status, "reason": why})
    }
}

fn breaker(one: &BreakerHealth) -> Value {
    json!({
        "endpoint": one.endpoint.as_str(),
        "account": one.account,
        "state": one.state,
        "retry_after_seconds": one.retry_after.as_secs_f64(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn livez(_: &Question<'_>) -> Result<Answer, CallError> {
    Ok(Answer::json(&json!({"status": "OK"})))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn readyz(question: &Question<'_>) -> Result<Answer, CallError> {
    Ok(if question.directory.health().ready {
        Answer::json(&json!({"status": "OK"}))
    } else {
        Answer::json(&json!({"status": "not ready"})).with_status(StatusCode::SERVICE_UNAVAILABLE)
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn version(question: &Question<'_>) -> Result<Answer, CallError> {
    Ok(Answer::json(&json!({"version": question.config.version})))
}

fn metrics(question: &Question<'_>) -> Result<Answer, CallError> {
    match question.directory.metrics() {
        Some(Metrics::Text(text)) => Ok(Answer {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: AnswerBody::Later(text),
        }),
        Some(Metrics::Forbidden) => Err(CallError::client(
            ErrorKind::Forbidden,
            "This API key may not read the metrics: its list of endpoints must be absent or empty.",
        )),
        None => Err(
            CallError::client(ErrorKind::NotFound, "There is nothing at /metrics.")
                .with_code("unknown_url"),
        ),
    }
}
