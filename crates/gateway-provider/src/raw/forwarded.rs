//! Which of a caller's headers a request that is passed on carries: a list of what is allowed, so that a header nobody
//! thought of stays here. Proxies, service meshes and tracing add headers to a call that describe the caller's network
//! and its people; none of them is a provider's business.

use http::HeaderMap;

/// About the representation, the conditions and the client: what any HTTP API may need.
const GENERAL: [&str; 29] = [
    "accept",
    "accept-charset",
    "accept-language",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "digest",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-event-id",
    "prefer",
    "range",
    "repr-digest",
    "user-agent",
    "want-content-digest",
    "want-repr-digest",
    "x-client-request-id",
    "x-idempotency-key",
    "x-request-id",
];

/// What vendors' SDKs say of themselves.
const GENERAL_PREFIXES: [&str; 2] = ["x-stainless-", "x-fern-"];

/// Of `headers`, those that any API may be sent, and those that `vendor` names.
pub(crate) fn forwarded(headers: &HeaderMap, vendor: impl Fn(&str) -> bool) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let text = name.as_str();
        let is_general = GENERAL.binary_search(&text).is_ok()
            || GENERAL_PREFIXES
                .iter()
                .any(|prefix| text.starts_with(prefix));
        if is_general || vendor(text) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(GENERAL.is_sorted());
    }

    #[test]
    fn what_is_not_listed_stays_here() {
        let mut headers = HeaderMap::new();
        for name in [
            "content-type",
            "x-stainless-lang",
            "anthropic-beta",
            "x-forwarded-prefix",
            "x-forwarded-client-cert",
            "x-forwarded-user",
            "x-client-ip",
            "cf-connecting-ip",
            "true-client-ip",
            "baggage",
            "x-amz-date",
            "x-http-method-override",
            "x-custom",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let passed = forwarded(&headers, |name| name.starts_with("anthropic-"));
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["anthropic-beta", "content-type", "x-stainless-lang"]
        );
    }
}
