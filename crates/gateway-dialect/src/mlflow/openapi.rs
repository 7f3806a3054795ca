//! The OpenAPI document of the MLflow surface, and the page that shows it.

use serde_json::{Map, Value, json};

use super::manage::Endpoint;

/// The page at `/docs`: a plain index of the document, without anything from another host.
pub const DOCS_PAGE: &str = include_str!("docs.html");

const SCHEMAS: &str = include_str!("schemas.json");

/// URLs where the body names the endpoint: path, type, summary.
const BY_MODEL: [(&str, &str, &str); 3] = [
    (
        "/v1/chat/completions",
        "llm/v1/chat",
        "Chat with the endpoint named by 'model'",
    ),
    (
        "/v1/completions",
        "llm/v1/completions",
        "Complete with the endpoint named by 'model'",
    ),
    (
        "/v1/embeddings",
        "llm/v1/embeddings",
        "Embed with the endpoint named by 'model'",
    ),
];

/// Path, summary, parameter with its place.
type Reading = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

/// URLs that are only read.
const READING: [Reading; 8] = [
    ("/health", "State of the gateway", None),
    (
        "/api/2.0/endpoints/",
        "List of endpoints, by pages",
        Some(("page_token", "query")),
    ),
    (
        "/api/2.0/endpoints/{endpoint_name}",
        "One endpoint",
        Some(("endpoint_name", "path")),
    ),
    (
        "/api/2.0/endpoints/limits/{endpoint}",
        "Reserved",
        Some(("endpoint", "path")),
    ),
    (
        "/api/2.0/gateway/routes/",
        "List of endpoints, older form",
        Some(("page_token", "query")),
    ),
    (
        "/api/2.0/gateway/routes/{route_name}",
        "One endpoint, older form",
        Some(("route_name", "path")),
    ),
    (
        "/api/3.0/gateway/endpoint/{endpoint_name}",
        "One endpoint",
        Some(("endpoint_name", "path")),
    ),
    (
        "/api/3.0/gateway/route/{route_name}",
        "One traffic route",
        Some(("route_name", "path")),
    ),
];

/// The document at `/openapi.json`. `names` are all endpoints and traffic routes with their types.
pub fn document(names: &[(&str, &str)], version: &str) -> Value {
    let mut paths = Map::new();
    for (name, kind) in names {
        for prefix in ["endpoints", "gateway"] {
            let operation = invocation(kind, &format!("Query the endpoint '{name}'"));
            paths.insert(
                format!("/{prefix}/{name}/invocations"),
                json!({ "post": operation }),
            );
        }
    }
    for (path, kind, summary) in BY_MODEL {
        paths.insert(
            path.to_owned(),
            json!({ "post": invocation(kind, summary) }),
        );
    }
    for (path, summary, parameter) in READING {
        paths.insert(
            path.to_owned(),
            json!({ "get": reading(summary, parameter) }),
        );
    }
    let limits = json!({
        "summary": "Reserved",
        "requestBody": body_of("SetLimits"),
        "responses": responses(None),
    });
    paths.insert(
        "/api/2.0/endpoints/limits/".to_owned(),
        json!({ "post": limits }),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MLflow AI Gateway",
            "description": "The core deployments API for reverse proxy interface using remote inference endpoints within MLflow",
            "version": version,
        },
        "paths": paths,
        "components": {
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default(),
        },
    })
}

/// The names and types of endpoints, for [`document`]. Rankers are not asked at these URLs.
pub fn names(endpoints: &[Endpoint]) -> Vec<(&str, &str)> {
    endpoints
        .iter()
        .filter(|it| it.endpoint_type != "llm/v1/rerank")
        .map(|it| (it.name.as_str(), it.endpoint_type.as_str()))
        .collect()
}

fn invocation(kind: &str, summary: &str) -> Value {
    let name = match kind {
        "llm/v1/completions" => "Completion",
        "llm/v1/embeddings" => "Embedding",
        _ => "Chat",
    };
    json!({
        "summary": summary,
        "requestBody": body_of(&format!("{name}Request")),
        "responses": responses(Some(&format!("{name}Response"))),
    })
}

fn body_of(schema: &str) -> Value {
    json!({ "required": true, "content": content(schema) })
}

fn content(schema: &str) -> Value {
    json!({
        "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } }
    })
}

fn responses(schema: Option<&str>) -> Value {
    let mut good = json!({ "description": "Successful Response" });
    if let (Value::Object(fields), Some(schema)) = (&mut good, schema) {
        fields.insert("content".to_owned(), content(schema));
    }
    json!({
        "200": good,
        "422": { "description": "Validation Error", "content": content("HTTPValidationError") },
    })
}

fn reading(summary: &str, parameter: Option<(&str, &str)>) -> Value {
    let parameters: Vec<Value> = parameter
        .iter()
        .map(|(name, place)| {
            json!({
                "name": name, "in": place, "required": *place == "path",
                "schema": { "type": "string" },
            })
        })
        .collect();
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { "200": { "description": "Successful Response" } },
    })
}
