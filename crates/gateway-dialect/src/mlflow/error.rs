//! Errors as MLflow's clients know them: `{"detail": ...}` before a stream, `{"error": ...}` inside one.

use gateway_schema::{CallError, ErrorKind, FieldError, Origin, PathSegment, UpstreamFailure};
use serde_json::{Value, json};

/// The status and the body of an error.
///
/// | error | status | `detail` |
/// |---|---|---|
/// | wrong fields | 422 | a list of `{type, loc, msg, input, ctx}` |
/// | rate limit of the gateway | 429 | the message, also as `error` |
/// | upstream JSON with `error` | upstream's | `error.message` (or `error`, where it is a text) |
/// | upstream JSON without `error` | upstream's | the whole JSON |
/// | upstream text | upstream's | `{"message": text}` |
/// | upstream, any other content type | upstream's, 502 unless it is an error status | a sentence with the content type |
/// | all else | by kind | the message |
pub fn detail(error: &CallError) -> (u16, Value) {
    let fields = error.field_errors();
    if !fields.is_empty() {
        let status = error.status().unwrap_or(422);
        let list: Vec<Value> = fields.iter().map(field).collect();
        return (status, json!({ "detail": list }));
    }
    if let Some((status, detail)) = error.upstream_failure().and_then(upstream) {
        let status = error.status().unwrap_or(status);
        return (status, json!({ "detail": detail }));
    }
    let said = error.upstream_failure().and_then(|failure| failure.status);
    let said = said.filter(|status| (400..600).contains(status));
    let status = error.status().or(said).unwrap_or_else(|| by_kind(error));
    let message = match error.kind() {
        // The header `allow` says the rest.
        ErrorKind::MethodNotAllowed => "Method Not Allowed",
        _ => error.message(),
    };
    if error.kind() == ErrorKind::RateLimited && error.origin() == Origin::Gateway {
        return (status, json!({ "error": message, "detail": message }));
    }
    (status, json!({ "detail": message }))
}

/// The error event of a stream that has begun.
pub fn event(error: &CallError) -> Value {
    let (status, body) = detail(error);
    let text = text_of(body.get("detail").unwrap_or(&Value::Null));
    json!({ "error": { "message": format!("{status}: {text}"), "type": "HTTPException" } })
}

/// The error event for a body that is already rendered.
pub(super) fn as_event(body: &Value) -> Value {
    match (body.get("error"), body.get("detail")) {
        (Some(Value::Object(_)), _) | (_, None) => body.clone(),
        (_, Some(detail)) => {
            json!({ "error": { "message": text_of(detail), "type": "HTTPException" } })
        }
    }
}

fn text_of(detail: &Value) -> String {
    match detail {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn field(error: &FieldError) -> Value {
    let steps = error.path.iter().map(|step| match step {
        PathSegment::Key(key) => Value::from(key.as_str()),
        PathSegment::Index(index) => Value::from(*index),
    });
    let loc: Vec<Value> = std::iter::once(Value::from("body")).chain(steps).collect();
    let mut out = json!({
        "type": error.code,
        "loc": loc,
        "msg": error.message,
        "input": error.input,
    });
    if let (Value::Object(fields), Some(context)) = (&mut out, &error.context) {
        fields.insert("ctx".to_owned(), context.clone());
    }
    out
}

/// What the client sees of an upstream's answer; `None` when the upstream answered with nothing to show.
fn upstream(failure: &UpstreamFailure) -> Option<(u16, Value)> {
    let status = failure.status?;
    if status < 300 {
        // A fault inside a good answer: its body is an answer, not an error.
        return failure
            .content_type
            .as_deref()
            .and_then(unsupported)
            .map(|detail| (502, detail));
    }
    if failure.content_type.is_none() && failure.body.is_empty() && status >= 400 {
        // An error without a body of its own, such as one inside a stream.
        return None;
    }
    let shown = if status < 400 { 502 } else { status };
    let kind = failure.content_type.as_deref().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let text = || String::from_utf8_lossy(&failure.body);
    if essence.eq_ignore_ascii_case("application/json") {
        let Ok(body) = serde_json::from_slice::<Value>(&failure.body) else {
            return (!failure.body.is_empty()).then(|| (shown, json!({ "message": text() })));
        };
        return Some((shown, of_json(body, status)));
    }
    if essence.eq_ignore_ascii_case("text/plain") && status >= 400 {
        return Some((shown, json!({ "message": text() })));
    }
    let detail = unsupported(if essence.is_empty() { "None" } else { kind });
    detail.map(|detail| (shown, detail))
}

/// MLflow's sentence about content types other than JSON and plain text; `None` for those two.
fn unsupported(content_type: &str) -> Option<Value> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let readable = ["application/json", "text/plain", "text/event-stream"];
    let known = readable.iter().any(|it| essence.eq_ignore_ascii_case(it));
    (!known).then(|| {
        Value::from(format!(
            "The returned data type from the route service is not supported. Received content type: {essence}"
        ))
    })
}

fn of_json(body: Value, status: u16) -> Value {
    match body.get("error") {
        Some(Value::Object(error)) => match error.get("message") {
            Some(message) if !message.is_null() => message.clone(),
            _ => Value::from(reason(status)),
        },
        Some(Value::String(text)) => Value::from(text.as_str()),
        _ => body,
    }
}

/// The reason phrase of a status.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Upstream error",
    }
}

fn by_kind(error: &CallError) -> u16 {
    match error.kind() {
        ErrorKind::InvalidRequest | ErrorKind::ContextLength | ErrorKind::Blocked => 400,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::MethodNotAllowed => 405,
        ErrorKind::PayloadTooLarge => 413,
        ErrorKind::UnsupportedMediaType => 415,
        ErrorKind::RateLimited | ErrorKind::BudgetExceeded => 429,
        ErrorKind::Cancelled => 499,
        ErrorKind::Unsupported => 501,
        ErrorKind::Unavailable if error.origin() == Origin::Upstream => 502,
        ErrorKind::Unavailable => 503,
        ErrorKind::Timeout if error.origin() == Origin::Client => 408,
        ErrorKind::Timeout => 504,
        ErrorKind::Upstream => 502,
        _ => 500,
    }
}
