//! Requests for any path of a provider's own API, to be passed on as they are.

mod forwarded;
mod path;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use gateway_schema::{CallError, Dialect, ErrorKind, Operation};
use http::{HeaderMap, Method, StatusCode, Uri};

pub use path::RawPath;

use crate::upload::Upload;

/// A request for one path of a provider's own API. Nothing of it is read but what is stated here.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawRequest {
    /// The method.
    pub method: Method,
    /// Below the root of the API.
    pub path: RawPath,
    /// The query, without its question mark.
    pub query: Option<String>,
    /// The caller's headers that concern the provider: no credential, no cookie, nothing about one connection only.
    pub headers: HeaderMap,
    /// The body, where it is held.
    pub body: Bytes,
    /// The same without its `content-encoding`, where it has one that can be undone: what is read of it here. Never sent.
    pub unpacked: Option<Bytes>,
    /// The body, where it is too large to be held: then it is sent once, as it comes.
    pub upload: Option<Upload>,
    /// What the path is known to ask: then the answer's usage is read, and a failure can be tried again.
    pub asks: Option<Operation>,
    /// The model it names, where that is known.
    pub model: Option<String>,
    /// Whose path it is: that of a dialect that several providers speak, each at a place of its own. `None` for the
    /// provider's own API.
    pub dialect: Option<Dialect>,
}

impl RawRequest {
    /// A request without query, headers and body.
    pub fn new(method: Method, path: RawPath) -> Self {
        Self {
            method,
            path,
            query: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            unpacked: None,
            upload: None,
            asks: None,
            model: None,
            dialect: None,
        }
    }

    /// The same request with only those of the caller's headers that any API may be sent, and those that `vendor` names.
    pub(crate) fn with_forwarded(&self, vendor: impl Fn(&str) -> bool) -> Self {
        let mut request = self.clone();
        request.headers = forwarded::forwarded(&self.headers, vendor);
        request
    }

    /// What the body says: without its `content-encoding`, and without a byte order mark, which some readers of JSON skip.
    pub fn text(&self) -> Bytes {
        let text = self.unpacked.as_ref().unwrap_or(&self.body);
        match text.strip_prefix(b"\xEF\xBB\xBF") {
            Some(behind) => text.slice_ref(behind),
            None => text.clone(),
        }
    }

    /// Whether asking twice does no more than asking once: by its method (RFC 9110 section 9.2.2), by an idempotency
    /// key, or because the path only computes an answer.
    pub fn is_repeatable(&self) -> bool {
        let by_method = matches!(
            self.method,
            Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS
        );
        let by_sense =
            by_method || self.asks.is_some() || self.headers.contains_key("idempotency-key");
        by_sense && self.upload.is_none()
    }

    /// The request at an API whose root is `root`: an absolute address without a slash at its end and without a query.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when the address cannot be written, or would lie outside of `root`.
    pub fn at(&self, root: &str) -> Result<http::Request<Bytes>, CallError> {
        self.at_with(root, self.query.as_deref())
    }

    /// The same with another query.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn at_with(
        &self,
        root: &str,
        query: Option<&str>,
    ) -> Result<http::Request<Bytes>, CallError> {
        let root = root.trim_end_matches('/');
        let mut address = format!("{root}/{}", self.path.as_str());
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            address.push('?');
            address.push_str(query);
        }
        let uri = address
            .parse::<Uri>()
            .ok()
            .filter(|uri| is_below(uri, root))
            .ok_or_else(|| {
                CallError::client(
                    ErrorKind::InvalidRequest,
                    "The path cannot be part of an address.",
                )
                .with_code("invalid_path")
            })?;
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        request.headers_mut().clone_from(&self.headers);
        Ok(request)
    }
}

/// Whether `uri` is at the host of `root`, below its path. A second look: a [`RawPath`] leads nowhere else.
fn is_below(uri: &Uri, root: &str) -> bool {
    let Ok(root) = root.parse::<Uri>() else {
        return false;
    };
    let above = root.path().trim_end_matches('/');
    uri.scheme() == root.scheme()
        && uri.authority() == root.authority()
        && uri
            .path()
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// The root of an API whose paths begin with their version, from the base that ends with one:
/// `https://host/openai/v1` is at `https://host/openai`.
pub fn unversioned(base: &str) -> &str {
    let base = base.trim_end_matches('/');
    match base.rsplit_once('/') {
        Some((root, last)) if is_version(last) && !root.ends_with('/') => root,
        _ => base,
    }
}

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    bytes.next() == Some(b'v') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}

/// The head of an answer that is passed back as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHead {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers.
    pub headers: HeaderMap,
}

impl RawHead {
    /// Whether events follow, which come one by one.
    pub fn is_stream(&self) -> bool {
        let kind = self.headers.get(http::header::CONTENT_TYPE);
        kind.is_some_and(|kind| {
            let kind = kind.as_bytes().to_ascii_lowercase();
            kind.starts_with(b"text/event-stream")
                || kind.starts_with(b"application/vnd.amazon.eventstream")
                || kind.starts_with(b"application/x-ndjson")
        })
    }
}
