//! The request that nearly every wire makes: JSON, posted.

use std::fmt::Write as _;

use bytes::Bytes;
use gateway_schema::{CallError, ErrorKind};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};

/// The kind of every JSON body.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A POST of JSON to an absolute address, without credentials.
///
/// # Errors
/// Of kind internal, when the address is none: settings are checked before a provider is made.
pub fn post_json(uri: &str, body: Bytes) -> Result<Request<Bytes>, CallError> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.parse().map_err(|error: http::uri::InvalidUri| {
        CallError::gateway(ErrorKind::Internal, "The provider's address is not valid.")
            .with_detail(error.to_string())
    })?;
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(request)
}

/// Text as one segment of a path, or as a value in a query.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A credential as the value of a header, marked so that nothing prints it.
///
/// # Errors
/// Of kind internal, when no header can carry it; the text is not repeated.
pub fn secret_header(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        CallError::gateway(
            ErrorKind::Internal,
            "The API key has characters that no HTTP header can carry.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of `Authorization` for a key or token, marked so that nothing prints it.
///
/// # Errors
/// As [`secret_header`].
pub fn bearer_header(token: &str) -> Result<HeaderValue, CallError> {
    secret_header(&format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_posted_as_json_and_an_address_that_is_none_is_told() {
        let request = post_json("https://api.example.com/v1", Bytes::from_static(b"{}")).unwrap();
        assert_eq!((request.method(), request.body().len()), (&Method::POST, 2));
        assert_eq!(request.headers()[CONTENT_TYPE], JSON);
        assert!(post_json("https://exa mple", Bytes::new()).is_err());
    }

    #[test]
    fn what_means_something_in_an_address_is_escaped() {
        assert_eq!(escaped("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(escaped("a/b?c=d é"), "a%2Fb%3Fc%3Dd%20%C3%A9");
    }

    #[test]
    fn a_secret_is_marked_and_never_repeated() {
        assert!(secret_header("k").unwrap().is_sensitive());
        let bearer = bearer_header("k").unwrap();
        assert!(bearer.is_sensitive() && bearer == "Bearer k");
        let error = secret_header("top\nsecret").unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }
}
