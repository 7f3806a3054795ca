//! URLs and headers, in and out.

use bytes::Bytes;
use gateway_http::{EdgeConfig, Health};
use gateway_schema::{Dialect, Operation};
use http::{Request, StatusCode};
use serde_json::json;

use crate::harness::{Script, WAYS, Way, edge_of, get, post, raw_json, send, send_to};

#[tokio::test]
async fn every_url_of_the_openai_family_asks_for_its_operation() {
    for base in [
        "/v1",
        "/openai/v1",
        "/gateway/openai/v1",
        "/gateway/mlflow/v1",
    ] {
        for (path, model, operation) in [
            ("chat/completions", "chat", Operation::Chat),
            ("completions", "complete", Operation::Completion),
            ("embeddings", "embed", Operation::Embedding),
        ] {
            let script = Script::default();
            let body = format!(
                "{{\"model\":\"{model}\",\"stream\":true,\"messages\":[],\"prompt\":\"\",\"input\":\"\"}}"
            );
            let got = send(&script, post(&format!("{base}/{path}"), body)).await;
            assert_eq!(got.status, StatusCode::OK, "{base}/{path}: {}", got.text());
            let call = script.call();
            assert_eq!(call.operation, operation);
            assert_eq!(call.stream, operation != Operation::Embedding);
            assert_eq!(call.context.surface, "openai");
            assert_eq!(call.payload.dialect(), Some(Dialect::OPENAI));
        }
    }
}

#[tokio::test]
async fn azure_urls_name_the_endpoint_in_the_path() {
    let script = Script::default();
    let path = "/openai/deployments/ch%61t/chat/completions?api-version=2024-10-21";
    let got = send(&script, post(path, r#"{"messages":[]}"#)).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(script.call().context.endpoint.as_str(), "chat");
    let wrong = "/openai/deployments/embed/chat/completions";
    let got = send(&Script::default(), post(wrong, "{}")).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_url_of_the_anthropic_family_asks_for_its_operation() {
    for base in ["/v1", "/anthropic/v1", "/gateway/anthropic/v1"] {
        for (path, operation) in [
            ("messages", Operation::Chat),
            ("messages/count_tokens?beta=true", Operation::CountTokens),
        ] {
            let script = Script::default();
            let body = Way::Anthropic.body("split");
            let got = send(&script, post(&format!("{base}/{path}"), body)).await;
            assert_eq!(got.status, StatusCode::OK, "{base}/{path}: {}", got.text());
            let call = script.call();
            assert_eq!(call.operation, operation);
            assert_eq!(call.context.endpoint.as_str(), "split");
            assert_eq!(got.header("request-id"), got.header("x-request-id"));
        }
    }
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_whoever_asks() {
    let got = send(&Script::default(), get("/v1/models")).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.json()["data"].as_array().unwrap().len(), 5);
    assert_eq!(
        got.json()["data"][1],
        json!({"id": "chat", "object": "model", "created": 1000, "owned_by": "openai"})
    );
    let got = send(&Script::default(), get("/v1/models/split")).await;
    assert_eq!(got.json()["id"], "split");
    let got = send(&Script::default(), get("/v1/models/spilt")).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert!(Way::OpenAi.message(&got.json()).contains("'split'"));

    let anthropic = |path: &str| {
        Request::get(path)
            .header("anthropic-version", "2023-06-01")
            .body(Bytes::new())
            .unwrap()
    };
    let got = send(
        &Script::default(),
        anthropic("/v1/models?limit=2&after_id=careful"),
    )
    .await;
    let model = |name: &str| json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:16:40Z"});
    assert_eq!(
        got.json(),
        json!({"data": [model("chat"), model("complete")], "has_more": true, "first_id": "chat", "last_id": "complete"})
    );
    let got = send(&Script::default(), anthropic("/v1/models/chat")).await;
    assert_eq!(got.json(), model("chat"));
    let got = send(&Script::default(), anthropic("/v1/models/no")).await;
    Way::Anthropic.message(&got.json());
    let got = send(&Script::default(), get("/anthropic/v1/models")).await;
    assert_eq!(got.json()["first_id"], "careful");
}

#[tokio::test]
async fn credentials_and_cookies_leave_the_headers() {
    for way in WAYS {
        let script = Script::default();
        let mut request = post(way.path(), way.body("chat"));
        for (name, value) in [
            ("authorization", "Bearer sk-caller"),
            ("x-api-key", "sk-other"),
            ("api-key", "sk-third"),
            ("x-goog-api-key", "sk-fourth"),
            ("cookie", "session=1"),
            ("x-mlflow-authorization", "Basic eA=="),
            ("proxy-authorization", "Basic eA=="),
            ("traceparent", "00-1-2-01"),
            ("anthropic-beta", "x"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        send(&script, request).await;
        let context = script.call().context;
        let mut left: Vec<_> = context
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["anthropic-beta", "content-type", "traceparent"]);
        let presented = context.presented.as_ref().unwrap();
        assert_eq!(presented.header, "authorization");
        assert_eq!(presented.value.expose(), "sk-caller");
        assert!(!format!("{context:?}").contains("sk-"));
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_replaced() {
    let script = Script::default();
    let send_id = async |id: &str| {
        let mut request = post("/v1/messages", Way::Anthropic.body("chat"));
        request
            .headers_mut()
            .insert("x-request-id", id.parse().unwrap());
        let got = send(&script, request).await;
        let id = got.header("x-request-id").to_owned();
        assert_eq!(script.call().context.request_id.as_str(), id);
        id
    };
    assert_eq!(send_id("mine-1").await, "mine-1");
    let fresh = send_id("not sane").await;
    assert_eq!(fresh.len(), 36);
    assert_eq!(&fresh[14..15], "7", "{fresh} is a UUID of version 7");
}

#[tokio::test]
async fn strictness_comes_from_the_header_or_the_endpoint() {
    for (model, header, strict) in [
        ("chat", None, false),
        ("chat", Some("true"), true),
        ("chat", Some("false"), false),
        ("careful", None, true),
        ("careful", Some("false"), true),
    ] {
        let script = Script::default();
        let mut request = post("/v1/messages", Way::Anthropic.body(model));
        if let Some(value) = header {
            let value = value.parse().unwrap();
            request.headers_mut().insert("x-gateway-strict", value);
        }
        send(&script, request).await;
        assert_eq!(script.call().context.strict, strict, "{model} {header:?}");
    }
}

#[tokio::test]
async fn the_provider_s_headers_are_shown_and_its_request_id_has_a_name_of_its_own() {
    let mut reply = raw_json(Dialect::ANTHROPIC, "{}");
    for (name, value) in [
        ("request-id", "req_1"),
        ("x-request-id", "edge_1"),
        ("anthropic-ratelimit-tokens-remaining", "7"),
    ] {
        reply.headers.insert(name, value.parse().unwrap());
    }
    let script = Script::answering(Ok(reply));
    let got = send(&script, post("/v1/messages", Way::Anthropic.body("chat"))).await;
    assert_eq!(got.header("anthropic-ratelimit-tokens-remaining"), "7");
    assert_eq!(got.header("x-gateway-provider-request-id"), "edge_1");
    assert_eq!(got.header("request-id").len(), 36);
    assert_eq!(got.header("x-gateway-losses"), "0");
}

#[tokio::test]
async fn a_slash_too_many_is_redirected() {
    let got = send(&Script::default(), post("/v1/messages/?beta=1", "{}")).await;
    assert_eq!(got.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(got.header("location"), "/v1/messages?beta=1");
}

#[tokio::test]
async fn operations_tell_how_the_gateway_is() {
    let ask = async |health: Health, path: &str| {
        let config = EdgeConfig::new().with_version("1.2.3");
        send_to(edge_of(Script::default(), config, health), get(path)).await
    };
    let got = ask(Health::new(true), "/health").await;
    assert_eq!(got.text(), r#"{"status":"OK"}"#);
    assert_eq!(
        ask(Health::new(true), "/readyz").await.status,
        StatusCode::OK
    );
    assert_eq!(
        ask(Health::new(false), "/livez").await.status,
        StatusCode::OK
    );
    let got = ask(Health::new(false), "/readyz").await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    let got = ask(Health::new(true), "/version").await;
    assert_eq!(got.json(), json!({"version": "1.2.3"}));
    let refused = Health::new(true).with_refused_reload(Some("line 3".to_owned()));
    let got = ask(refused, "/health").await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.json()["reload"]["reason"], "line 3");
}
