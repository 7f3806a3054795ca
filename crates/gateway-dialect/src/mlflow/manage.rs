//! The bodies of the management URLs: endpoints, legacy routes, traffic routes, limits.
//!
//! Values in, JSON out. The surface matches URLs and answers redirects and wrong methods.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gateway_schema::{CallError, ErrorKind};
use serde_json::{Value, json};

use super::check::Check;
use super::json;

/// How many endpoints a page holds.
pub const PAGE_SIZE: usize = 3000;

/// A rate limit, as the configuration states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How many calls.
    pub calls: u64,
    /// What is counted together; MLflow stores it and never uses it.
    pub key: Option<String>,
    /// Per how long: `minute`, `2 hours`.
    pub renewal_period: String,
}

/// An endpoint, as clients may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// What it does: `llm/v1/chat`, `llm/v1/completions`, `llm/v1/embeddings`.
    pub endpoint_type: String,
    /// The provider's name of the model, if the configuration states one.
    pub model: Option<String>,
    /// The provider, as MLflow spells it.
    pub provider: String,
    /// Its rate limit.
    pub limit: Option<Limit>,
}

/// One target of a traffic route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The endpoint.
    pub name: String,
    /// Its share, 0 to 100.
    pub traffic_percentage: u32,
}

/// A traffic route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// What it does, like [`Endpoint::endpoint_type`].
    pub task_type: String,
    /// Its targets.
    pub destinations: Vec<Destination>,
}

impl Limit {
    fn to_json(&self) -> Value {
        json!({ "calls": self.calls, "key": self.key, "renewal_period": self.renewal_period })
    }
}

impl Endpoint {
    fn url(&self) -> String {
        format!("/gateway/{}/invocations", self.name)
    }

    /// The endpoint object of `/api/2.0/endpoints/` and `/api/3.0/gateway/endpoint/`.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "endpoint_type": self.endpoint_type,
            "model": { "name": self.model, "provider": self.provider },
            "endpoint_url": self.url(),
            "limit": self.limit.as_ref().map(Limit::to_json),
        })
    }

    /// The route object of `/api/2.0/gateway/routes/`, the older form.
    pub fn to_legacy_json(&self) -> Value {
        json!({
            "name": self.name,
            "route_type": self.endpoint_type,
            "model": { "name": self.model, "provider": self.provider },
            "route_url": self.url(),
            "limit": self.limit.as_ref().map(Limit::to_json),
        })
    }
}

impl Route {
    /// The route object of `/api/3.0/gateway/route/`.
    pub fn to_json(&self) -> Value {
        let destinations: Vec<Value> = self
            .destinations
            .iter()
            .map(|it| json!({ "name": it.name, "traffic_percentage": it.traffic_percentage }))
            .collect();
        json!({
            "name": self.name,
            "task_type": self.task_type,
            "destinations": destinations,
            "routing_strategy": "TRAFFIC_SPLIT",
        })
    }
}

/// One page of `/api/2.0/endpoints/`.
///
/// # Errors
/// Status 400 when the token is not one of ours (MLflow answers a bare 500).
pub fn endpoints_page(endpoints: &[Endpoint], token: Option<&str>) -> Result<Value, CallError> {
    page("endpoints", endpoints, token, Endpoint::to_json)
}

/// One page of `/api/2.0/gateway/routes/`.
///
/// # Errors
/// As [`endpoints_page`].
pub fn legacy_routes_page(endpoints: &[Endpoint], token: Option<&str>) -> Result<Value, CallError> {
    page("routes", endpoints, token, Endpoint::to_legacy_json)
}

fn page(
    name: &str,
    endpoints: &[Endpoint],
    token: Option<&str>,
    show: fn(&Endpoint) -> Value,
) -> Result<Value, CallError> {
    let start = token.map_or(Ok(0), index_of)?;
    let end = start.saturating_add(PAGE_SIZE);
    let items: Vec<Value> = endpoints
        .iter()
        .skip(start)
        .take(PAGE_SIZE)
        .map(show)
        .collect();
    let next = (end < endpoints.len()).then(|| page_token(end));
    Ok(json!({ name: items, "next_page_token": next }))
}

/// The token of the page that starts at `index`.
fn page_token(index: usize) -> String {
    STANDARD.encode(format!("{{\"index\": {index}}}"))
}

fn index_of(token: &str) -> Result<usize, CallError> {
    let read = || {
        let bytes = STANDARD
            .decode(token)
            .or_else(|_| URL_SAFE.decode(token))
            .ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        usize::try_from(value.get("index")?.as_u64()?).ok()
    };
    read().ok_or_else(|| {
        CallError::client(
            ErrorKind::InvalidRequest,
            "The page_token is not valid. Pass the next_page_token of the page before, or none.",
        )
    })
}

/// No endpoint of this name.
pub fn endpoint_missing(name: &str) -> CallError {
    missing("endpoint", name)
}

/// No route of this name.
pub fn route_missing(name: &str) -> CallError {
    missing("route", name)
}

fn missing(what: &str, name: &str) -> CallError {
    CallError::client(
        ErrorKind::NotFound,
        format!(
            "The {what} '{name}' is not present or active on the server. Please verify the {what} name."
        ),
    )
}

/// An endpoint of another type was asked: `what` is `a chat`, `a completions` or `an embeddings`.
pub fn wrong_type(name: &str, what: &str) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("Endpoint '{name}' is not {what} endpoint."),
    )
}

/// The answer to GET on the limits URLs: MLflow has reserved them and answers 501.
pub fn get_limits() -> CallError {
    not_yet("get_limits")
}

/// The answer to POST on the limits URLs: the body is validated, then 501.
pub fn set_limits(body: &[u8]) -> CallError {
    let (body, losses) = match json::read(body) {
        Ok(read) => read,
        Err(error) => return error,
    };
    let mut check = Check::new(losses);
    let sound = check.object(&body).map(|_| {
        check.required(&body, "route", Check::text);
        check.required(&body, "limits", |check, value| {
            check.list(value, Check::map)
        });
    });
    match check.finish(sound) {
        Ok(_) => not_yet("set_limits"),
        Err(error) => error,
    }
}

fn not_yet(name: &str) -> CallError {
    CallError::gateway(
        ErrorKind::Unsupported,
        format!("The {name} API is not available yet."),
    )
}
