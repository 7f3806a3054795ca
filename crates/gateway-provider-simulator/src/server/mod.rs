//! A provider inside the process: takes OpenAI's requests, gives OpenAI's answers, byte for byte as a socket would
//! bring them, faults included.
//!
//! It is written straight against OpenAI's wire format and shares no code with `gateway-dialect`, so that the two check
//! each other.

mod body;
mod date;
mod faulty;
mod reply;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{
    BodyStream, BoxFuture, Clock, SendLimits, Transport, TransportError, TransportFault,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::answer::random;
use crate::options::Settings;

/// How a body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Clean,
    Broken(&'static str),
    Stalled,
}

/// A piece of a body, after a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    pause: Duration,
    bytes: Bytes,
}

/// Everything about one answer, before it is sent.
#[derive(Debug, Clone)]
struct Planned {
    status: StatusCode,
    headers: HeaderMap,
    /// Before the head.
    pause: Duration,
    pieces: Vec<Piece>,
    end: End,
}

impl Planned {
    fn whole(status: StatusCode, pause: Duration, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(http::header::CONTENT_TYPE, json);
        let bytes = Bytes::from(body.to_string());
        Self {
            status,
            headers,
            pause,
            pieces: vec![Piece {
                pause: Duration::ZERO,
                bytes,
            }],
            end: End::Clean,
        }
    }

    fn error(status: StatusCode, kind: &str, code: Option<&str>, message: &str) -> Self {
        let body = json!({
            "error": {"message": message, "type": kind, "param": null, "code": code}
        });
        Self::whole(status, Duration::ZERO, &body)
    }

    fn stream(pieces: Vec<Piece>) -> Self {
        let mut headers = HeaderMap::new();
        let events = HeaderValue::from_static("text/event-stream; charset=utf-8");
        headers.insert(http::header::CONTENT_TYPE, events);
        Self {
            status: StatusCode::OK,
            headers,
            pause: Duration::ZERO,
            pieces,
            end: End::Clean,
        }
    }
}

/// An OpenAI-shaped server that is called, not connected to.
///
/// Shape: requests are counted from 1; the count decides about scheduled faults.
#[derive(Clone)]
pub struct SimulatedServer {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    served: Arc<AtomicU64>,
}

impl fmt::Debug for SimulatedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedServer")
            .field("settings", &self.settings)
            .field("served", &self.served)
            .finish_non_exhaustive()
    }
}

impl SimulatedServer {
    /// A server that behaves as `settings` say. The clock only dates answers.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings: Arc::new(settings),
            clock,
            served: Arc::default(),
        }
    }

    fn plan(&self, request: &http::Request<Bytes>) -> Result<Planned, TransportError> {
        let number = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        let settings = &self.settings;
        let fault = settings.faults.iter().enumerate().find(|(place, fault)| {
            let parts = [&number.to_string(), &place.to_string()];
            let roll = random(settings.seed, &parts.map(String::as_str)).f64();
            fault.when.strikes(number, roll)
        });
        let planned = self.answer(request);
        match fault {
            // Only good answers go wrong; a caller's mistake stays one.
            Some((_, fault)) if planned.status.is_success() => {
                faulty::apply(fault, planned, self.clock.now())
            }
            _ => Ok(planned),
        }
    }

    fn answer(&self, request: &http::Request<Bytes>) -> Planned {
        let path = request.uri().path();
        if path == "/echo" || path.starts_with("/echo/") {
            return echo(request);
        }
        let body: Map<String, Value> = match serde_json::from_slice(request.body()) {
            Ok(Value::Object(body)) => body,
            _ => return bad_request("We could not parse the JSON body of your request."),
        };
        let created = self.clock.unix_seconds();
        let answering = reply::Answering {
            settings: &self.settings,
            body: &body,
            created,
        };
        if path.ends_with("/chat/completions") {
            answering.chat()
        } else if path.ends_with("/completions") {
            answering.completion()
        } else if path.ends_with("/embeddings") {
            answering.embedding()
        } else if path.ends_with("/input_tokens") {
            answering.count()
        } else {
            let message = format!("Invalid URL ({} {path})", request.method());
            Planned::error(
                StatusCode::NOT_FOUND,
                "invalid_request_error",
                None,
                &message,
            )
        }
    }
}

/// What was asked, told back: method, path, query, headers and the length of the body.
fn echo(request: &http::Request<Bytes>) -> Planned {
    let headers: Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), Value::from(text.into_owned()))
        })
        .collect();
    let body = json!({
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "headers": headers,
        "body_bytes": request.body().len(),
    });
    Planned::whole(StatusCode::OK, Duration::ZERO, &body)
}

fn bad_request(message: &str) -> Planned {
    Planned::error(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        None,
        message,
    )
}

impl Transport for SimulatedServer {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _limits: SendLimits,
    ) -> BoxFuture<'static, Result<http::Response<BodyStream>, TransportError>> {
        let planned = self.plan(&request);
        Box::pin(async move {
            let planned = planned?;
            if !planned.pause.is_zero() {
                tokio::time::sleep(planned.pause).await;
            }
            let body: BodyStream = Box::pin(body::Body::new(planned.pieces, planned.end));
            let mut response = http::Response::new(body);
            *response.status_mut() = planned.status;
            *response.headers_mut() = planned.headers;
            Ok(response)
        })
    }
}

/// Nobody knows the host.
fn unresolved() -> TransportError {
    TransportError::new(
        TransportFault::Dns,
        "the simulator has no such host, as configured",
    )
}

/// Nothing listens.
fn refused() -> TransportError {
    TransportError::new(
        TransportFault::Connect,
        "the simulator refuses this connection, as configured",
    )
}
