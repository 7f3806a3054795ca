//! Who may ask what, through every door.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::provider::Principal;
use gateway_core::schema::ErrorKind;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_store::MemoryRecords;
use gateway_testkit::{Answer, ManualClock, ScriptedProvider, ScriptedTransport, deps};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{builder, call, loaded};

/// A plan of two endpoints named `one` and `two`, with this `auth` section.
pub(crate) fn plan(auth: &str) -> gateway_core::config::Plan {
    const FACTORY: gateway_core::provider::Factory = gateway_provider_simulator::SIMULATOR;
    let endpoint = |name: &str| {
        format!(
            "  - name: {name}\n    endpoint_type: llm/v1/chat\n    model: {{provider: simulator, name: m}}\n"
        )
    };
    let text = format!("endpoints:\n{}{}{auth}", endpoint("one"), endpoint("two"));
    let registry = Registry::new().with(FACTORY);
    loaded(&text, &registry)
}

pub(crate) fn gateway(auth: &str) -> (Gateway, Arc<MemoryRecords>) {
    let records = Arc::new(MemoryRecords::new(100));
    let registry = Registry::new().with(gateway_provider_simulator::SIMULATOR);
    let engine = EngineBuilder::new(registry, deps(&ScriptedTransport::new()))
        .with_provider("simulator", answering())
        .with_records(Arc::clone(&records) as _)
        .build(&plan(auth))
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    (gateway, records)
}

fn answering() -> Arc<ScriptedProvider> {
    Arc::new(ScriptedProvider::new("simulator", "m").always(Answer::text("hello")))
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) async fn send(gateway: &Gateway, request: Request<&'static str>) -> Got {
    let request = request.map(|body| Full::new(Bytes::from_static(body.as_bytes())));
    let response = gateway.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    Got {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

async fn get(gateway: &Gateway, path: &str, key: Option<&str>) -> Got {
    let mut request = Request::get(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    send(gateway, request.body("").unwrap()).await
}

async fn chat(gateway: &Gateway, body: &'static str, header: Option<(&str, &str)>) -> Got {
    let mut request = Request::post("/v1/chat/completions");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    send(gateway, request.body(body).unwrap()).await
}

const ONE: &str = r#"{"model":"one","messages":[{"role":"user","content":"Hi"}]}"#;
const TWO: &str = r#"{"model":"two","messages":[{"role":"user","content":"Hi"}]}"#;
const NONE: &str = r#"{"model":"none","messages":[{"role":"user","content":"Hi"}]}"#;

const AUTH: &str = "auth:\n  keys:\n    - {name: all, key: sk-all}\n    \
    - {name: some, key: sk-some, endpoints: [one], metadata: {team: red}}\n    \
    - {name: scraper, key: sk-scraper, endpoints: []}\n    \
    - {name: late, key: sk-late, expires: 2020-01-01}\n    \
    - {name: off, key: sk-off, disabled: true}\n";

#[tokio::test]
async fn a_key_is_taken_from_every_header_that_clients_use() {
    let (gateway, records) = gateway(AUTH);
    for (name, value) in [
        ("authorization", "Bearer sk-all"),
        ("authorization", "Basic YWxsOnNrLWFsbA=="),
        ("x-api-key", "sk-all"),
        ("api-key", "sk-all"),
        ("x-goog-api-key", "sk-all"),
    ] {
        let got = chat(&gateway, ONE, Some((name, value))).await;
        assert_eq!(got.status, 200, "{name}: {}", got.text());
    }
    let records = records.take();
    assert_eq!(records.len(), 5);
    assert!(
        records
            .iter()
            .all(|it| it.principal.as_deref() == Some("all"))
    );
}

#[tokio::test]
async fn a_stranger_gets_401_and_learns_nothing() {
    let (gateway, records) = gateway(AUTH);
    let mut bodies = Vec::new();
    for key in ["sk-wrong", "sk-late", "sk-off"] {
        for body in [ONE, NONE, "not json"] {
            let got = chat(&gateway, body, Some(("x-api-key", key))).await;
            assert_eq!(got.status, 401);
            assert_eq!(got.headers["www-authenticate"], "Bearer");
            bodies.push(got.json());
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(bodies[0]["error"]["code"], "invalid_api_key");
    let got = chat(&gateway, NONE, None).await;
    assert_eq!(
        (got.status.as_u16(), got.json()["error"]["code"].as_str()),
        (401, Some("missing_api_key"))
    );
    assert_eq!(records.take().len(), 0, "nothing was asked");
}

#[tokio::test]
async fn a_key_with_a_list_asks_only_what_is_on_it_and_does_not_learn_what_else_there_is() {
    let (gateway, records) = gateway(AUTH);
    let key = Some(("x-api-key", "sk-some"));
    assert_eq!(chat(&gateway, ONE, key).await.status, 200);
    let (existing, absent) = (
        chat(&gateway, TWO, key).await,
        chat(&gateway, NONE, key).await,
    );
    assert_eq!(
        (existing.status, absent.status),
        (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN)
    );
    assert_eq!(existing.text().replace("two", "none"), absent.text());
    assert_eq!(
        chat(&gateway, NONE, Some(("x-api-key", "sk-all")))
            .await
            .status,
        404
    );
    let records = records.take();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].metadata["team"], "red");
}

#[tokio::test]
async fn listings_need_a_key_and_show_only_what_it_may_ask() {
    let (gateway, _) = gateway(AUTH);
    for path in [
        "/v1/models",
        "/v1/models/one",
        "/v1/models/nothing",
        "/api/2.0/endpoints/",
        "/api/2.0/endpoints/one",
        "/openapi.json",
        "/metrics",
        "/version",
    ] {
        assert_eq!(get(&gateway, path, None).await.status, 401, "{path}");
    }
    for path in ["/v1/models", "/api/2.0/endpoints/", "/openapi.json"] {
        let all = get(&gateway, path, Some("sk-all")).await;
        assert!(
            all.text().contains("one") && all.text().contains("\"two\"")
                || all.text().contains("two"),
            "{path}"
        );
        let some = get(&gateway, path, Some("sk-some")).await;
        assert!(
            some.text().contains("one") && !some.text().contains("two"),
            "{path}"
        );
    }
    assert_eq!(
        get(&gateway, "/v1/models/two", Some("sk-some"))
            .await
            .status,
        404
    );
    assert_eq!(
        get(&gateway, "/api/2.0/endpoints/two", Some("sk-some"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn health_is_open_and_its_reasons_are_not() {
    let (gateway, _) = gateway(AUTH);
    gateway.refuse("config.yaml:3: secret reasons");
    for path in ["/health", "/livez", "/readyz"] {
        let got = get(&gateway, path, None).await;
        assert_eq!(got.status, 200, "{path}");
        assert!(!got.text().contains("secret reasons"));
        assert_eq!(
            get(&gateway, path, Some("sk-wrong")).await.status,
            200,
            "{path}"
        );
    }
    let told = get(&gateway, "/health", Some("sk-all")).await;
    assert!(told.text().contains("secret reasons"));
}

#[tokio::test]
async fn without_auth_everybody_asks_everything() {
    let (gateway, _) = gateway("");
    assert_eq!(chat(&gateway, ONE, None).await.status, 200);
    assert_eq!(
        chat(&gateway, ONE, Some(("x-api-key", "any"))).await.status,
        200
    );
    assert!(
        get(&gateway, "/v1/models", None)
            .await
            .text()
            .contains("two")
    );
}

#[tokio::test]
async fn anonymous_callers_are_let_in_when_said_and_wrong_keys_are_not() {
    let (gateway, _) = gateway("auth: {anonymous: true, keys: [{name: a, key: sk-a}]}\n");
    assert_eq!(chat(&gateway, ONE, None).await.status, 200);
    assert_eq!(
        chat(&gateway, ONE, Some(("x-api-key", "sk-a")))
            .await
            .status,
        200
    );
    assert_eq!(
        chat(&gateway, ONE, Some(("x-api-key", "sk-b")))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_reload_that_takes_a_key_away_refuses_it_at_once() {
    let (gateway, _) = gateway(AUTH);
    let key = Some(("x-api-key", "sk-all"));
    assert_eq!(chat(&gateway, ONE, key).await.status, 200);
    gateway
        .apply(&plan("auth: {keys: [{name: new, key: sk-new}]}\n"))
        .unwrap();
    assert_eq!(chat(&gateway, ONE, key).await.status, 401);
    assert_eq!(
        chat(&gateway, ONE, Some(("x-api-key", "sk-new")))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn errors_are_worded_for_the_surface() {
    let (gateway, _) = gateway(AUTH);
    let anthropic = Request::post("/v1/messages")
        .header("x-api-key", "no")
        .body(ONE)
        .unwrap();
    let got = send(&gateway, anthropic).await;
    assert_eq!(got.status, 401);
    assert_eq!(got.json()["error"]["type"], "authentication_error");
    let mlflow = Request::post("/gateway/one/invocations").body(ONE).unwrap();
    let got = send(&gateway, mlflow).await;
    assert_eq!(got.status, 401);
    assert!(got.json()["detail"].is_string(), "{}", got.text());
}

#[tokio::test]
async fn an_embedders_own_calls_need_a_credential_or_a_word_for_them() {
    let provider = ScriptedProvider::new("simulator", "m").always(Answer::text("hello"));
    let engine = builder(&[("simulator", &provider)])
        .build(&plan(AUTH))
        .unwrap();
    let error = engine
        .clone()
        .oneshot(call("one", false))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let mut vouched = call("one", false);
    vouched.context.principal = Principal::trusted();
    assert!(engine.oneshot(vouched).await.is_ok());
}

#[tokio::test]
async fn the_callers_credential_is_not_in_the_call_that_goes_on() {
    let provider = ScriptedProvider::new("simulator", "m").always(Answer::text("hello"));
    let engine = builder(&[("simulator", &provider)])
        .build(&plan(AUTH))
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    assert_eq!(
        chat(&gateway, ONE, Some(("authorization", "Bearer sk-all")))
            .await
            .status,
        200
    );
    let seen = provider.calls().pop().unwrap();
    assert!(seen.context.presented.is_none());
    assert!(!format!("{:?}", seen.context.headers).contains("sk-all"));
}
