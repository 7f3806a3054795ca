//! Error bodies, management bodies, the document.

use gateway_schema::{CallError, ErrorKind, Operation, UpstreamFailure};
use serde_json::{Value, json};

use super::super::{UnifiedCodec, error, manage, openapi, unified_operation};
use crate::ClientCodec as _;

const UNSUPPORTED: &str =
    "The returned data type from the route service is not supported. Received content type: ";

#[test]
fn every_kind_of_error_has_a_body() {
    for kind in ErrorKind::ALL {
        let (status, body) = error::detail(&CallError::gateway(kind, "text"));
        assert!((400..600).contains(&status), "{kind}");
        if kind != ErrorKind::MethodNotAllowed {
            assert_eq!(body["detail"], "text", "{kind}");
        }
    }
}

#[test]
fn an_upstreams_words_reach_the_client_in_mlflows_form() {
    let json = Some("application/json");
    let html = Some("text/html");
    let table = [
        (
            400,
            json,
            r#"{"error":{"message":"bad"}}"#,
            400,
            json!("bad"),
        ),
        (
            418,
            json,
            r#"{"error":{"code":1}}"#,
            418,
            json!("Upstream error"),
        ),
        (429, json, r#"{"error":"slow"}"#, 429, json!("slow")),
        (400, json, r#"[{"a":1}]"#, 400, json!([{"a": 1}])),
        (500, json, "{bad", 500, json!({"message": "{bad"})),
        (
            503,
            Some("text/plain"),
            "busy",
            503,
            json!({"message": "busy"}),
        ),
        (
            403,
            html,
            "<html>",
            403,
            json!(format!("{UNSUPPORTED}text/html")),
        ),
        (302, None, "", 502, json!(format!("{UNSUPPORTED}None"))),
        (
            200,
            html,
            "<html>",
            502,
            json!(format!("{UNSUPPORTED}text/html")),
        ),
        (200, json, "{}", 502, json!("ours")),
    ];
    for (status, content_type, body, want_status, want) in table {
        let mut failure = UpstreamFailure::default();
        failure.status = Some(status);
        failure.content_type = content_type.map(str::to_owned);
        failure.body = body.as_bytes().to_vec();
        let fault = CallError::upstream(ErrorKind::Upstream, "ours").with_upstream(failure);
        assert_eq!(
            error::detail(&fault),
            (want_status, json!({ "detail": want })),
            "{body}"
        );
    }
}

#[test]
fn the_unified_url_answers_400_with_one_text() {
    let text = |body: &str| {
        let fault = match unified_operation(body.as_bytes()) {
            Err(fault) => fault,
            Ok(operation) => UnifiedCodec.decode(operation, body.as_bytes()).unwrap_err(),
        };
        assert_eq!(error::detail(&fault).0, 400);
        fault.message().to_owned()
    };
    assert_eq!(
        text("{oops"),
        "Invalid JSON payload: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    );
    assert_eq!(
        text(""),
        "Invalid JSON payload: Expecting value: line 1 column 1 (char 0)"
    );
    assert_eq!(
        text(r#"{"prompt":"x"}"#),
        "Invalid request: payload format must be either chat or embeddings"
    );
    assert_eq!(
        text("[1]"),
        "Invalid request: payload format must be either chat or embeddings"
    );
    assert_eq!(
        text(r#"{"messages":[]}"#),
        "Invalid chat payload: 1 validation error for RequestPayload\nmessages\n  List should have at least 1 item after validation, not 0 [type=too_short, input_value=[], input_type=list]\n    For further information visit https://errors.pydantic.dev/2.14/v/too_short"
    );
    assert_eq!(
        unified_operation(br#"{"input":1}"#).unwrap(),
        Operation::Embedding
    );
}

#[test]
fn pages_follow_each_other_and_foreign_tokens_are_refused() {
    let endpoint = |number: usize| manage::Endpoint {
        name: format!("e{number}"),
        endpoint_type: "llm/v1/chat".to_owned(),
        model: None,
        provider: "openai".to_owned(),
        limit: None,
    };
    let endpoints: Vec<_> = (0..manage::PAGE_SIZE + 2).map(endpoint).collect();
    let first = manage::endpoints_page(&endpoints, None).unwrap();
    assert_eq!(
        first["endpoints"].as_array().unwrap().len(),
        manage::PAGE_SIZE
    );
    let token = first["next_page_token"].as_str().unwrap();
    assert_eq!(token, "eyJpbmRleCI6IDMwMDB9");
    let second = manage::legacy_routes_page(&endpoints, Some(token)).unwrap();
    assert_eq!(second["routes"][1]["name"], "e3001");
    assert_eq!(second["next_page_token"], Value::Null);
    let fault = manage::endpoints_page(&endpoints, Some("xyz")).unwrap_err();
    assert_eq!(error::detail(&fault).0, 400);
}

#[test]
fn every_schema_the_document_refers_to_is_in_it() {
    let document = openapi::document(&[("a", "llm/v1/chat"), ("b", "llm/v1/embeddings")], "1");
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
    assert!(document["paths"]["/gateway/b/invocations"]["post"].is_object());
}
