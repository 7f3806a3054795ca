//! What is said at the start.

use std::fmt::Write as _;

use gateway_core::config::Plan;
use gateway_core::schema::Operation;

use crate::demo;
use crate::open::lets_everybody_in;

/// The base URL of a listener, as a caller on this machine would write it.
pub(crate) fn base_url(is_encrypted: bool, address: std::net::SocketAddr) -> String {
    let scheme = if is_encrypted { "https" } else { "http" };
    if address.ip().is_unspecified() {
        let host = if address.is_ipv4() {
            "127.0.0.1"
        } else {
            "[::1]"
        };
        format!("{scheme}://{host}:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// Everything that is printed at the start; `shared` describes the store that several gateways share.
pub(crate) fn text(base: &str, source: &str, plan: &Plan, shared: &str) -> String {
    let mut text = summary(base, source, plan);
    text.push_str(shared);
    if source == demo::NAME {
        text.push_str(&examples(base, plan));
    }
    text
}

/// Where it listens and what it serves.
fn summary(base: &str, source: &str, plan: &Plan) -> String {
    let mut text = format!("Gateway listening at {base} ({source})\n");
    for endpoint in &plan.endpoints {
        let model = endpoint.model.name.as_ref();
        let _ = writeln!(
            text,
            "  {:<24} {:<16} {} {}",
            endpoint.name.as_str(),
            endpoint.operation.as_str(),
            endpoint.model.provider_alias,
            model.map_or("", |model| model.as_str()),
        );
    }
    for route in &plan.routes {
        let names: Vec<&str> = route
            .destinations
            .iter()
            .map(|to| to.endpoint.as_str())
            .collect();
        let _ = writeln!(
            text,
            "  {:<24} {:<16} route over {}",
            route.name.as_str(),
            route.operation.as_str(),
            names.join(", "),
        );
    }
    if lets_everybody_in(plan) {
        text.push_str("  NO AUTHENTICATION: everybody who can reach this address can use it.\n");
    }
    text
}

/// Lines to copy for the first endpoint of each operation.
fn examples(base: &str, plan: &Plan) -> String {
    let first = |operation: Operation| {
        let mut endpoints = plan.endpoints.iter();
        endpoints
            .find(|endpoint| endpoint.operation == operation)
            .map(|endpoint| endpoint.name.as_str())
    };
    let mut text = String::from("\nTry it:\n\n");
    let mut curl = |path: &str, body: &str| {
        let _ = writeln!(
            text,
            "curl {base}{path} -H 'content-type: application/json' \\\n  -d '{body}'\n"
        );
    };
    if let Some(name) = first(Operation::Chat) {
        let messages = r#""messages": [{"role": "user", "content": "Hello"}]"#;
        curl(
            "/v1/chat/completions",
            &format!(r#"{{"model": "{name}", {messages}}}"#),
        );
        curl(
            "/v1/messages",
            &format!(r#"{{"model": "{name}", "max_tokens": 50, "stream": true, {messages}}}"#),
        );
    }
    if let Some(name) = first(Operation::Completion) {
        curl(
            "/v1/completions",
            &format!(r#"{{"model": "{name}", "prompt": "Once upon a time"}}"#),
        );
    }
    if let Some(name) = first(Operation::Embedding) {
        curl(
            "/v1/embeddings",
            &format!(r#"{{"model": "{name}", "input": "Hello"}}"#),
        );
    }
    if let Some(name) = first(Operation::Chat) {
        let _ = writeln!(
            text,
            "from openai import OpenAI\n\
             client = OpenAI(base_url=\"{base}/v1\", api_key=\"any\")\n\
             print(client.chat.completions.create(\n    \
             model=\"{name}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}]))"
        );
    }
    text
}
