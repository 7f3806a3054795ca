//! The caller's headers: what is read from them, and what must not travel on.

use std::sync::Arc;

use crate::browser::is_browser;
use gateway_provider::Presented;
use gateway_schema::{CallError, ErrorKind};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The id of a request, from and to the caller.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `true` refuses a request that would lose a field.
const STRICT: HeaderName = HeaderName::from_static("x-gateway-strict");

/// The longest id that is taken over from a caller.
const MAX_REQUEST_ID: usize = 128;

/// Where callers put a credential, in the order in which they are believed.
static CREDENTIALS: [HeaderName; 12] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("x-mlflow-authorization"),
    HeaderName::from_static("x-litellm-api-key"),
    HeaderName::from_static("x-portkey-api-key"),
    HeaderName::from_static("x-portkey-virtual-key"),
    HeaderName::from_static("x-bf-vk"),
    HeaderName::from_static("cf-aig-authorization"),
    HeaderName::from_static("helicone-auth"),
    PROXY_AUTHORIZATION,
];

/// Other headers that end here.
static PRIVATE: [HeaderName; 2] = [COOKIE, HeaderName::from_static("x-amz-security-token")];

/// Takes credentials and cookies out of `headers`. What the caller presented first, by the order above, is returned.
pub(crate) fn take_credential(headers: &mut HeaderMap) -> Option<Arc<Presented>> {
    // A look at the few names that are there costs less than looking for each of the many that may be.
    let there: Vec<HeaderName> = headers
        .keys()
        .filter(|name| CREDENTIALS.contains(name) || PRIVATE.contains(name))
        .cloned()
        .collect();
    let mut presented = None;
    for name in CREDENTIALS.iter().filter(|name| there.contains(name)) {
        let Some(value) = headers.remove(name) else {
            continue;
        };
        if presented.is_none()
            && let Some(text) = value
                .to_str()
                .ok()
                .map(bare)
                .filter(|text| !text.is_empty())
        {
            presented = Some(Arc::new(Presented::new(name.as_str(), text)));
        }
    }
    for name in PRIVATE.iter().filter(|name| there.contains(name)) {
        headers.remove(name);
    }
    presented
}

/// Headers that concern one connection only (RFC 9110 section 7.6.1), and those that whoever sends the request writes.
static CONNECTION_ONLY: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that are between the caller and the gateway. Answers are not asked for compressed: their usage is read.
static OURS: [&str; 1] = ["accept-encoding"];

/// What a provider's server says of its own host, and of nobody else's.
static THEIRS: [&str; 3] = ["alt-svc", "set-cookie", "strict-transport-security"];

/// The headers of a request that may be passed on. Credentials and cookies are taken out already; which of the others a
/// provider is sent is its own list (`Wire::forwards`).
pub(crate) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let text = name.as_str();
        let ends_here = CONNECTION_ONLY.contains(&text)
            || OURS.contains(&text)
            || text.starts_with("x-gateway-")
            || named.contains(name);
        if !ends_here {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// The headers of an answer that is passed back. The length stays: it is that of the body that follows.
pub(crate) fn passed_back(mut headers: HeaderMap) -> HeaderMap {
    for name in named_by_connection(&headers) {
        headers.remove(name);
    }
    let cors: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cors {
        headers.remove(name);
    }
    for name in CONNECTION_ONLY.iter().chain(&THEIRS) {
        if *name != "content-length" {
            headers.remove(*name);
        }
    }
    headers
}

/// The headers that `Connection` names.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| *name != http::header::CONTENT_LENGTH)
        .collect()
}

/// Whether the credential is a signature over the request: AWS's Signature Version 4.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    headers
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "))
}

/// The credential without the word `Bearer`.
fn bare(value: &str) -> &str {
    let value = value.trim();
    match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => value,
    }
}

/// The caller's id of the request, if it is short and of letters, digits and `-_.:/+=@~` only.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(&byte);
    (!text.is_empty() && text.len() <= MAX_REQUEST_ID && text.bytes().all(plain)).then_some(text)
}

/// Whether the caller would rather have an error than a loss.
pub(crate) fn strict(headers: &HeaderMap) -> Result<bool, CallError> {
    let Some(value) = headers.get(STRICT) else {
        return Ok(false);
    };
    match value.as_bytes() {
        b"true" | b"1" => Ok(true),
        b"false" | b"0" | b"" => Ok(false),
        other => Err(CallError::client(
            ErrorKind::InvalidRequest,
            format!(
                "The header x-gateway-strict is '{}'; true or false is expected.",
                String::from_utf8_lossy(other)
            ),
        )),
    }
}

/// The `content-type` when it is not JSON. None at all counts as JSON unless a browser sends it: a page can have any
/// bytes sent without one.
pub(crate) fn not_json(headers: &HeaderMap) -> Option<&HeaderValue> {
    static NONE: HeaderValue = HeaderValue::from_static("none");
    let value = match headers.get(CONTENT_TYPE) {
        Some(value) if !value.as_bytes().trim_ascii().is_empty() => value,
        _ if is_browser(headers) => return Some(&NONE),
        Some(value) => value,
        None => return None,
    };
    let bytes = value.as_bytes();
    let essence = bytes
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let is_json = essence.is_empty()
        || essence.eq_ignore_ascii_case(b"application/json")
        || essence
            .len()
            .checked_sub(5)
            .and_then(|start| essence.get(start..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(b"+json"));
    (!is_json).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_leaves_the_headers_and_the_first_is_kept() {
        let mut headers = HeaderMap::new();
        for name in &CREDENTIALS {
            headers.insert(name.clone(), HeaderValue::from_static("bearer  secret "));
        }
        headers.insert(COOKIE, HeaderValue::from_static("session=1"));
        headers.insert("traceparent", HeaderValue::from_static("00-1-2-01"));
        let presented = take_credential(&mut headers).unwrap();
        assert_eq!(presented.header, "authorization");
        assert_eq!(presented.value.expose(), "secret");
        assert!(!format!("{presented:?}").contains("secret\""));
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("traceparent"));
    }

    #[test]
    fn only_sane_request_ids_are_taken_over() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(text).unwrap());
            request_id(&headers).map(str::to_owned)
        };
        assert_eq!(id("req-1/a:b").as_deref(), Some("req-1/a:b"));
        assert_eq!(id("a b"), None);
        assert_eq!(id("a\"b"), None);
        assert_eq!(id(""), None);
        assert_eq!(id(&"x".repeat(129)), None);
    }

    #[test]
    fn json_by_any_name_is_json() {
        let refused = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(text).unwrap());
            not_json(&headers).is_some()
        };
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.x+json",
            "",
        ] {
            assert!(!refused(good), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "json"] {
            assert!(refused(bad), "{bad}");
        }
        assert!(not_json(&HeaderMap::new()).is_none());
        for name in ["origin", "sec-fetch-site", "sec-fetch-mode"] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("x"));
            assert!(not_json(&headers).is_some(), "{name}");
        }
    }
}
