//! HTTP in front of the use cases.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Limited};

use crate::Admin;
use crate::mlflow::{self, Answer, Question};

/// How long a request's body may be.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// `Sec-Fetch-Site`: where a browser's request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The peer address of a request, as one of its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The management APIs, for requests whose path [is one of theirs](AdminService::handles).
///
/// Without accounts, requests are taken from this machine only, and only if `Host` names it: a page of another site that
/// resolves its own name to 127.0.0.1 is refused. So is every request of a browser that another site caused.
#[derive(Debug, Clone)]
pub struct AdminService {
    admin: Admin,
}

impl AdminService {
    /// Serves `admin`.
    pub const fn new(admin: Admin) -> Self {
        Self { admin }
    }

    /// Whether a path is managed here.
    pub fn handles(path: &str) -> bool {
        mlflow::handles(path)
    }

    /// Answers a request. A body over 1 MiB is a 413.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Err(why) = local(&parts) {
            return refusal(StatusCode::FORBIDDEN, why);
        }
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is longer than 1 MiB, or it broke off.",
            );
        };
        let body = body.to_bytes();
        let content_type = parts.headers.get(CONTENT_TYPE);
        let question = Question {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body: &body,
        };
        response(mlflow::answer(&self.admin, &question).await)
    }
}

/// Whether a request comes from this machine, and is meant for it.
fn local(parts: &Parts) -> Result<(), &'static str> {
    let peer = parts.extensions.get::<Peer>();
    if !peer.is_some_and(|peer| peer.0.to_canonical().is_loopback()) {
        return Err("Management is open to this machine only, because there are no accounts.");
    }
    let host = parts
        .headers
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    if !host.is_some_and(is_loopback_name) {
        return Err(
            "The host of a management request must be localhost, 127.0.0.1 or [::1]; this one names another.",
        );
    }
    let site = parts.headers.get(FETCH_SITE);
    let cross = |value: &HeaderValue| !matches!(value.as_bytes(), b"same-origin" | b"none");
    if site.is_some_and(cross) || !parts.headers.get(ORIGIN).is_none_or(is_loopback_origin) {
        return Err("A page of another site may not manage the gateway.");
    }
    Ok(())
}

fn is_loopback_origin(origin: &HeaderValue) -> bool {
    origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
        .and_then(|uri| uri.authority().map(|it| is_loopback_name(it.as_str())))
        .unwrap_or(false)
}

/// `authority` without its port names this machine.
fn is_loopback_name(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn refusal(status: StatusCode, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({"error_code": "PERMISSION_DENIED", "message": message});
    response(Answer {
        status,
        content_type: "application/json",
        body: Bytes::from(body.to_string()),
    })
}

fn response(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let content_type = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    finished(response)
}

/// With the headers that every answer of management has.
fn finished(mut response: Response<Bytes>) -> Response<Bytes> {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("cache-control", "no-store"),
    ] {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(peer: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::new(());
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, HeaderValue::from_str(value).unwrap());
        }
        request.into_parts().0
    }

    #[test]
    fn only_this_machine_manages() {
        let host = ("host", "127.0.0.1:5000");
        assert!(local(&parts("127.0.0.1", &[host])).is_ok());
        assert!(local(&parts("::ffff:127.0.0.1", &[("host", "localhost:5000")])).is_ok());
        assert!(local(&parts("10.0.0.1", &[host])).is_err());
        assert!(local(&parts("127.0.0.1", &[("host", "rebinding.example")])).is_err());
        assert!(local(&parts("127.0.0.1", &[("host", "localhost.evil.example")])).is_err());
        assert!(
            local(&parts(
                "127.0.0.1",
                &[host, ("origin", "https://evil.example")]
            ))
            .is_err()
        );
        assert!(local(&parts("127.0.0.1", &[host, ("origin", "null")])).is_err());
        assert!(
            local(&parts(
                "127.0.0.1",
                &[host, ("sec-fetch-site", "cross-site")]
            ))
            .is_err()
        );
        assert!(
            local(&parts(
                "127.0.0.1",
                &[host, ("origin", "http://127.0.0.1:5000")]
            ))
            .is_ok()
        );
        assert!(local(&Request::new(()).into_parts().0).is_err());
    }
}
