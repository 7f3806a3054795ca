//! The recorded exchanges with MLflow: what clients sent is decoded, and refused with the same body where MLflow did;
//! what providers answered is written as MLflow wrote it.

mod exchange;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_schema::{CallError, Operation, Request};
use serde_json::{Value, json};

use super::{MlflowCodec, error, manage, not_json, openapi};
use crate::ClientCodec as _;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_json(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The recorded cases whose name starts with one of `prefixes`, by name.
fn cases(prefixes: &[&str]) -> BTreeMap<String, Value> {
    let folder = project().join("xtask/conformance/mlflow-recorded");
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|it| it == "json")
            && prefixes.iter().any(|prefix| name.starts_with(prefix))
        {
            out.insert(name, read_json(&path));
        }
    }
    assert!(!out.is_empty());
    out
}

fn deviations() -> Value {
    read_json(&project().join("docs/reference/mlflow-deviations.json"))
}

/// The type of an endpoint or route, found in the lines after its name.
fn task<'a>(config: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = config.lines().skip_while(|line| {
        let line = line.trim();
        line.strip_prefix("- name: ") != Some(name)
    });
    lines.find_map(|line| {
        let line = line.trim();
        line.strip_prefix("endpoint_type: ")
            .or_else(|| line.strip_prefix("task_type: "))
    })
}

fn operation(config: &str, path: &str) -> Option<(Operation, MlflowCodec)> {
    match path {
        "/v1/chat/completions" => return Some((Operation::Chat, MlflowCodec::by_model())),
        "/v1/completions" => return Some((Operation::Completion, MlflowCodec::by_model())),
        "/v1/embeddings" => return Some((Operation::Embedding, MlflowCodec::by_model())),
        _ => {}
    }
    let name = path
        .strip_prefix("/gateway/")
        .or_else(|| path.strip_prefix("/endpoints/"))?
        .strip_suffix("/invocations")?;
    let operation = match task(config, name)? {
        "llm/v1/chat" => Operation::Chat,
        "llm/v1/completions" => Operation::Completion,
        _ => Operation::Embedding,
    };
    Some((operation, MlflowCodec::invocations()))
}

fn decode(case: &Value) -> Option<Result<Request, CallError>> {
    let request = &case["request"];
    if request["method"] != "POST" {
        return None;
    }
    let config = case["config_yaml"].as_str()?;
    let (operation, codec) = operation(config, request["path"].as_str()?)?;
    let body = match request["raw_body"].as_str() {
        Some(raw) => raw.to_owned(),
        None => request["body"].to_string(),
    };
    let declared = request["headers"]["content-type"].as_str();
    if declared.is_some_and(|declared| !declared.contains("json")) {
        return Some(Err(not_json(body.as_bytes())));
    }
    Some(codec.decode(operation, body.as_bytes()).map(|it| it.value))
}

/// `{"detail": [...]}` with numbers by value: `2.0` is `2`.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[test]
fn recorded_requests_are_read_and_refused_as_mlflow_does() {
    let deviations = deviations();
    let mut seen = 0;
    for (name, case) in cases(&["openai-", "azure-", "anthropic-", "route-"]) {
        let Some(outcome) = decode(&case) else {
            continue;
        };
        if deviations.get(&name).is_some() {
            continue;
        }
        seen += 1;
        let reply = &case["gateway_reply"];
        // Refusals of a provider's mapping are texts, and not the codec's.
        let refused = reply["status"] == 422
            && (reply["body"]["detail"].is_array()
                || reply["body"]["detail"]
                    .as_str()
                    .is_some_and(|it| it.starts_with("The parameter 'model'")));
        match outcome {
            Ok(request) if refused => panic!("{name}: accepted as {request:?}"),
            Ok(_) => {}
            Err(fault) => {
                assert!(refused, "{name}: {fault}");
                let (status, body) = error::detail(&fault);
                assert_eq!(status, 422, "{name}");
                assert_eq!(plain(&body), plain(&reply["body"]), "{name}");
            }
        }
    }
    assert!(seen > 90, "only {seen} cases");
}

#[test]
fn every_deviation_names_a_recorded_case_and_a_reason() {
    let folder = project().join("xtask/conformance/mlflow-recorded");
    for (name, reason) in deviations().as_object().unwrap() {
        assert!(folder.join(format!("{name}.json")).exists(), "{name}");
        assert!(reason.as_str().unwrap().len() > 20, "{name}");
    }
}

fn endpoint(name: &str, kind: &str, model: Option<&str>, provider: &str) -> manage::Endpoint {
    manage::Endpoint {
        name: name.to_owned(),
        endpoint_type: format!("llm/v1/{kind}"),
        model: model.map(str::to_owned),
        provider: provider.to_owned(),
        limit: None,
    }
}

/// The endpoints of the `mgmt-*` recordings.
fn endpoints() -> Vec<manage::Endpoint> {
    let mut chat = endpoint("crud-chat", "chat", Some("gpt-4o-mini"), "openai");
    chat.limit = Some(manage::Limit {
        calls: 5,
        key: None,
        renewal_period: "minute".to_owned(),
    });
    let model = Some("text-embedding-3-small");
    vec![
        chat,
        endpoint("crud-emb", "embeddings", model, "openai"),
        endpoint(
            "crud.tgi",
            "completions",
            None,
            "huggingface-text-generation-inference",
        ),
    ]
}

/// What the management URLs answer, without the matching of URLs.
fn manage(path: &str, body: &Value) -> Option<(u16, Value)> {
    let endpoints = endpoints();
    let (path, token) = match path.split_once("?page_token=") {
        Some((path, token)) => (path, Some(token)),
        None => (path, None),
    };
    let found = |name: &str| endpoints.iter().find(|it| it.name == name);
    let split = path.rsplit_once('/').unwrap_or_default();
    let answer = match (path, split) {
        ("/api/2.0/endpoints/", _) => manage::endpoints_page(&endpoints, token),
        ("/api/2.0/gateway/routes/", _) => manage::legacy_routes_page(&endpoints, token),
        ("/api/2.0/gateway/limits/", _) => Err(manage::set_limits(body.to_string().as_bytes())),
        (_, ("/api/2.0/gateway/limits", _)) => Err(manage::get_limits()),
        (_, ("/api/2.0/endpoints" | "/api/3.0/gateway/endpoint", name)) => found(name)
            .map(manage::Endpoint::to_json)
            .ok_or_else(|| manage::endpoint_missing(name)),
        (_, ("/api/2.0/gateway/routes", name)) => found(name)
            .map(manage::Endpoint::to_legacy_json)
            .ok_or_else(|| manage::route_missing(name)),
        (_, ("/api/3.0/gateway/route", name)) => Err(manage::route_missing(name)),
        _ => return None,
    };
    Some(match answer {
        Ok(body) => (200, body),
        Err(fault) => error::detail(&fault),
    })
}

#[test]
fn management_bodies_are_the_recorded_ones() {
    let mut seen = 0;
    for (name, case) in cases(&["mgmt-"]) {
        let (request, reply) = (&case["request"], &case["gateway_reply"]);
        let elsewhere = [json!(405), json!(307)].contains(&reply["status"]);
        // Most deviations of these cases are the configuration's alone.
        if elsewhere || name == "mgmt-list-endpoints-bad-token" {
            continue;
        }
        let path = request["path"].as_str().unwrap();
        let Some((status, body)) = manage(path, &request["body"]) else {
            continue;
        };
        seen += 1;
        assert_eq!(json!(status), reply["status"], "{name}");
        assert_eq!(body, reply["body"], "{name}");
    }
    assert!(seen >= 9, "only {seen} cases");
}

#[test]
fn the_document_has_every_recorded_path() {
    let endpoints = endpoints();
    let mut names = openapi::names(&endpoints);
    names.push(("crud-route", "llm/v1/chat"));
    let document = openapi::document(&names, "0");
    let case = cases(&["mgmt-openapi"]).remove("mgmt-openapi").unwrap();
    let want = &case["gateway_reply"]["body"];
    assert_eq!(document["info"]["title"], want["info"]["title"]);
    assert_eq!(document["openapi"], want["openapi"]);
    for (path, methods) in want["paths"].as_object().unwrap() {
        for method in methods.as_array().unwrap() {
            let method = method.as_str().unwrap();
            assert!(document["paths"][path][method].is_object(), "{path}");
        }
    }
}
