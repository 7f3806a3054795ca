//! The management API of MLflow's tracking server, below `/api/3.0/mlflow` and `/ajax-api/3.0/mlflow`.
//!
//! Request for request and text for text as MLflow 3.17 was recorded. Deviations, each because MLflow's answer is a
//! fault: a taken endpoint name is a 400 `RESOURCE_ALREADY_EXISTS` without SQL text; a model definition in use is a 400
//! `INVALID_STATE`, which MLflow's own client does not retry as it retries a 500; a resource type that is not known is a
//! 400.

mod bindings;
mod catalog;
mod endpoints;
mod fields;
mod models;
mod secrets;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::{Admin, AdminError};
use fields::Fields;

/// The version of MLflow whose wire this is.
const VERSION: &str = "3.17.2";
/// Where MLflow's paths begin. The second is what its web pages use.
const PREFIXES: [&str; 2] = ["/api/3.0/mlflow", "/ajax-api/3.0/mlflow"];

/// An answer: status, content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: Bytes::from(body.to_string()),
        }
    }

    fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    fn error(status: StatusCode, code: &str, class: &str, message: &str) -> Self {
        let body = json!({"error_code": code, "message": message, "sqlstate": "KAM00", "error_class": class});
        Self::json(status, &body)
    }

    /// What Flask answers to a path that it does not know.
    fn no_page() -> Self {
        let body = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n";
        Self {
            status: StatusCode::NOT_FOUND,
            content_type: "text/html; charset=utf-8",
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

impl From<AdminError> for Answer {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        let (status, code, class) = match &error {
            AdminError::Invalid(_) | AdminError::Problems(_) => (
                StatusCode::BAD_REQUEST,
                "INVALID_PARAMETER_VALUE",
                "INVALID_PARAMETER_VALUE",
            ),
            AdminError::NotFound { .. } => (
                StatusCode::NOT_FOUND,
                "RESOURCE_DOES_NOT_EXIST",
                "RESOURCE_NOT_FOUND",
            ),
            AdminError::Exists { .. } => (
                StatusCode::BAD_REQUEST,
                "RESOURCE_ALREADY_EXISTS",
                "RESOURCE_ALREADY_EXISTS",
            ),
            AdminError::InUse(_) => (StatusCode::BAD_REQUEST, "INVALID_STATE", "INVALID_STATE"),
            AdminError::Conflict(_) => (
                StatusCode::CONFLICT,
                "RESOURCE_CONFLICT",
                "RESOURCE_CONFLICT",
            ),
            AdminError::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "TEMPORARILY_UNAVAILABLE",
                "TEMPORARILY_UNAVAILABLE",
            ),
            AdminError::Internal(detail) => {
                tracing::error!(target: "gateway::admin", detail, "a management request failed");
                return Self::error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "INTERNAL_ERROR",
                    "INTERNAL_ERROR",
                    "The gateway failed; its log has the particulars.",
                );
            }
        };
        Self::error(status, code, class, &message)
    }
}

/// Whether a path belongs to this face.
pub fn handles(path: &str) -> bool {
    path == "/version"
        || path == "/ajax-api/2.0/mlflow/gateway-proxy"
        || PREFIXES.iter().any(|prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|it| it.starts_with('/'))
        })
}

/// A request, with its body read.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: &'a str,
    /// The `content-type`.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Answers a request whose path this face [`handles`].
pub async fn answer(admin: &Admin, question: &Question<'_>) -> Answer {
    let path = question.path;
    if path == "/version" && question.method == Method::GET {
        return Answer {
            status: StatusCode::OK,
            content_type: "text/html; charset=utf-8",
            body: Bytes::from_static(VERSION.as_bytes()),
        };
    }
    if path == "/ajax-api/2.0/mlflow/gateway-proxy" {
        return Answer::ok(&json!({"endpoints": []}));
    }
    let Some(rest) = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)) else {
        return Answer::no_page();
    };
    let fields = match read(question) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    let outcome = match (question.method.as_str(), rest.strip_prefix("/gateway")) {
        (method, Some(rest)) => gateway(admin, method, rest, &fields).await,
        ("GET", None) if rest == "/server-info" => Ok(Some(server_info())),
        _ => Ok(None),
    };
    match outcome {
        Ok(Some(body)) => Answer::ok(&body),
        Ok(None) => Answer::no_page(),
        Err(error) => error.into(),
    }
}

async fn gateway(
    admin: &Admin,
    method: &str,
    path: &str,
    fields: &Fields,
) -> Result<Option<Value>, AdminError> {
    let body = match (method, path) {
        ("POST", "/secrets/create") => secrets::create(admin, fields).await?,
        ("GET", "/secrets/get") => secrets::get(admin, fields).await?,
        ("POST", "/secrets/update") => secrets::update(admin, fields).await?,
        ("DELETE", "/secrets/delete") => secrets::delete(admin, fields).await?,
        ("GET", "/secrets/list") => secrets::list(admin, fields).await?,
        ("GET", "/secrets/config") => {
            json!({"secrets_available": true, "using_default_passphrase": false})
        }
        ("POST", "/model-definitions/create") => models::create(admin, fields).await?,
        ("GET", "/model-definitions/get") => models::get(admin, fields).await?,
        ("GET", "/model-definitions/list") => models::list(admin, fields).await?,
        ("POST", "/model-definitions/update") => models::update(admin, fields).await?,
        ("DELETE", "/model-definitions/delete") => models::delete(admin, fields).await?,
        ("POST", "/endpoints/create") => endpoints::create(admin, fields).await?,
        ("GET", "/endpoints/get") => endpoints::get(admin, fields).await?,
        ("GET", "/endpoints/list") => endpoints::list(admin, fields).await?,
        ("POST", "/endpoints/update") => endpoints::update(admin, fields).await?,
        ("DELETE", "/endpoints/delete") => endpoints::delete(admin, fields).await?,
        ("POST", "/endpoints/models/attach") => endpoints::attach(admin, fields).await?,
        ("POST", "/endpoints/models/detach") => endpoints::detach(admin, fields).await?,
        ("POST", "/endpoints/set-tag") => endpoints::set_tag(admin, fields).await?,
        ("DELETE", "/endpoints/delete-tag") => endpoints::delete_tag(admin, fields).await?,
        ("POST", "/endpoints/bindings/create") => bindings::create(admin, fields).await?,
        ("DELETE", "/endpoints/bindings/delete") => bindings::delete(admin, fields).await?,
        ("GET", "/endpoints/bindings/list") => bindings::list(admin, fields).await?,
        ("GET", "/supported-providers") => catalog::providers(admin),
        ("GET", "/provider-config") => catalog::form(admin, fields)?,
        _ => return Ok(None),
    };
    Ok(Some(body))
}

fn server_info() -> Value {
    json!({"features_enabled": {"gateway": true}, "store_type": "SqlStore", "workspaces_enabled": false})
}

/// The fields of the query or of the body. Text that is no JSON object counts as an empty one, as in MLflow.
fn read(question: &Question<'_>) -> Result<Fields, Answer> {
    if question.method == Method::GET {
        return Ok(Fields::of_query(question.query));
    }
    let is_json = question
        .content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Answer::error(
            StatusCode::BAD_REQUEST,
            "INVALID_PARAMETER_VALUE",
            "INVALID_PARAMETER_VALUE",
            "Bad Request. Content-Type must be one of ['application/json'].",
        ));
    }
    let value = serde_json::from_slice::<Map<String, Value>>(question.body).unwrap_or_default();
    Ok(Fields::of_body(value))
}
