//! OTLP over HTTP in JSON. Spec: <https://opentelemetry.io/docs/specs/otlp/>, 1.7, read 2026-11-21.
//!
//! The attributes are those of the semantic conventions for generative AI; ours begin with `gateway.`.

mod metrics;
mod traces;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::cut::{self, cut};

pub(crate) use metrics::metrics;
pub(crate) use traces::{spans, traces};

/// Nanoseconds since 1970, as text, as OTLP has 64-bit numbers in JSON.
fn nanos(at: SystemTime) -> String {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
        .to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": cut(value, cut::DETAIL)}})
}

fn int(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn resource(service: &str) -> Value {
    json!({"attributes": [text("service.name", service)]})
}

fn scope() -> Value {
    json!({"name": "gateway", "version": env!("CARGO_PKG_VERSION")})
}
