//! Requests that do not say for whom they are.

use bytes::Bytes;
use gateway_http::EdgeBody;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode, Version};

const BODY: &[u8] = br#"{"error":{"message":"A request of HTTP/1.1 must have exactly one Host header.","type":"invalid_request_error","param":null,"code":"bad_host"}}"#;

/// The answer to a request of HTTP/1.1 that has no `Host`, or several (RFC 9112 section 3.2): whatever stands before and
/// behind this server may understand it in different ways.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response<EdgeBody>> {
    if request.version() != Version::HTTP_11 {
        return None;
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    if hosts.next().is_some() && hosts.next().is_none() {
        return None;
    }
    let mut response = Response::new(EdgeBody::full(Bytes::from_static(BODY)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert("x-gateway-error-origin", HeaderValue::from_static("client"));
    Some(response)
}
