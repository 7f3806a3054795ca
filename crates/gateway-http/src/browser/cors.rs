//! Answers for pages of allowed origins.

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Every method of every route; which of them a path has is said when it is asked.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// The most bytes of header names that are repeated.
const MAX_NAMES: usize = 4 * 1024;

/// The answer to a preflight, which allows what was asked for.
pub(crate) struct Preflight {
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Preflight {
    pub(super) fn new(origin: &HeaderValue, asked: &HeaderMap, max_age: Duration) -> Self {
        let mut headers = vec![
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static(METHODS),
            ),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs())),
            (
                VARY,
                HeaderValue::from_static(
                    "origin, access-control-request-method, access-control-request-headers",
                ),
            ),
        ];
        if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS)
            && names.len() <= MAX_NAMES
        {
            headers.push((ACCESS_CONTROL_ALLOW_HEADERS, names.clone()));
        }
        if asked.get(REQUEST_PRIVATE_NETWORK) == Some(&HeaderValue::from_static("true")) {
            headers.push((ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true")));
        }
        Self { headers }
    }
}

/// Lets pages of `origin` read an answer and all of its headers.
pub(crate) fn show_to(origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(VARY, HeaderValue::from_static("origin"));
}
