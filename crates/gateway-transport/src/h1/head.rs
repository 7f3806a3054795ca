//! Heads: writing a request's, reading a response's.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{TransportError, TransportFault};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};

use super::decode::Framing;

/// The most headers a response may have.
const MAX_HEADERS: usize = 128;
/// The longest head a response may have.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Bodies up to this size are copied behind the head, so that one plain write sends both.
const JOIN: usize = 8 * 1024;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What the request line names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Path and query, for a server.
    Origin,
    /// The whole URI, for a proxy, with the credential it wants.
    Absolute(Option<&'a HeaderValue>),
}

/// Request headers that concern one connection only, or that this crate sets itself.
const OURS: [HeaderName; 11] = [
    HOST,
    CONTENT_LENGTH,
    CONNECTION,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    UPGRADE,
    EXPECT,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHORIZATION,
];

/// Removes such headers from a request that travels by HTTP/2.
pub(crate) fn strip_connection_headers(headers: &mut HeaderMap) {
    for name in OURS {
        headers.remove(name);
    }
}

/// The request as bytes: the head, with the body behind it when it is small, and the body when it is not.
pub(crate) fn encode(
    parts: &Parts,
    host: &HeaderValue,
    target: Target<'_>,
    body: Bytes,
) -> (Vec<u8>, Bytes) {
    let joined = body.len() <= JOIN;
    let mut out = begin(parts, host, target, if joined { body.len() } else { 0 });
    if !body.is_empty() || !matches!(parts.method, Method::GET | Method::HEAD | Method::DELETE) {
        out.extend_from_slice(b"content-length: ");
        push_decimal(&mut out, body.len());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if joined {
        out.extend_from_slice(&body);
        (out, Bytes::new())
    } else {
        (out, body)
    }
}

/// The head of a request whose body comes in pieces, of this length together if that is known.
pub(crate) fn encode_upload(
    parts: &Parts,
    host: &HeaderValue,
    target: Target<'_>,
    length: Option<u64>,
) -> Vec<u8> {
    let mut out = begin(parts, host, target, 0);
    match length {
        Some(length) => push(&mut out, b"content-length", length.to_string().as_bytes()),
        None => push(&mut out, b"transfer-encoding", b"chunked"),
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The head up to what is said of the body, with `room` behind it.
fn begin(parts: &Parts, host: &HeaderValue, target: Target<'_>, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + room);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    if let Target::Absolute(_) = target {
        out.extend_from_slice(b"http://");
        out.extend_from_slice(host.as_bytes());
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    push(&mut out, b"host", host.as_bytes());
    for (name, value) in &parts.headers {
        if !OURS.contains(name) {
            push(&mut out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if let Target::Absolute(Some(credential)) = target {
        push(&mut out, b"proxy-authorization", credential.as_bytes());
    }
    out
}

fn push(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, mut number: usize) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.split_at(digits.len() - used).1);
}

/// A response's head and what it says about the bytes behind it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    pub(super) reuse: Reuse,
    /// How many bytes the head took.
    pub(super) length: usize,
}

/// Whether the connection may be kept after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    No,
    /// Yes, as long as it likes.
    Yes,
    /// Yes, but the server closes it when it was idle this long.
    For(Duration),
}

fn fault(what: impl Into<String>) -> TransportError {
    TransportError::new(TransportFault::Protocol, what)
}

/// Reads a head from the beginning of `bytes`; `None` when it is not complete.
pub(super) fn parse(bytes: &[u8], method: &Method) -> Result<Option<Head>, TransportError> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots)
        .map_err(|error| fault(format!("response head: {error}")))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let code = parsed.code.unwrap_or_default();
    let code = StatusCode::from_u16(code).map_err(|_| fault(format!("status {code}")))?;
    let mut response = Response::new(());
    *response.status_mut() = code;
    let old = parsed.version == Some(0);
    if old {
        *response.version_mut() = Version::HTTP_10;
    }
    let text = Bytes::copy_from_slice(bytes.split_at_checked(length).unwrap_or_default().0);
    let mut facts = Facts::new(old);
    let headers = response.headers_mut();
    headers.reserve(parsed.headers.len());
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| fault("response head: header name"))?;
        if facts.note(&name, header.value)? {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(share(&text, bytes, header.value))
            .map_err(|_| fault(format!("response header {name}: not a header value")))?;
        headers.append(name, value);
    }
    facts.drop_named(headers);
    let (framing, reuse) = facts.verdict(code, method)?;
    Ok(Some(Head {
        response,
        framing,
        reuse,
        length,
    }))
}

/// The part of `text` (a copy of the beginning of `bytes`) that `value`, a slice of `bytes`, covers.
fn share(text: &Bytes, bytes: &[u8], value: &[u8]) -> Bytes {
    let start = value.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    match start.checked_add(value.len()) {
        Some(end) if end <= text.len() => text.slice(start..end),
        _ => Bytes::copy_from_slice(value),
    }
}

/// What the headers say about framing and reuse.
struct Facts {
    old: bool,
    length: Option<u64>,
    chunked: Option<bool>,
    close: bool,
    keep_alive: bool,
    timeout: Option<Duration>,
    named: Vec<HeaderName>,
}

impl Facts {
    fn new(old: bool) -> Self {
        Self {
            old,
            length: None,
            chunked: None,
            close: false,
            keep_alive: false,
            timeout: None,
            named: Vec::new(),
        }
    }

    /// Takes note of a header; true when it concerns this connection only and is not for the caller.
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, TransportError> {
        if *name == CONTENT_LENGTH {
            let length = std::str::from_utf8(value)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| fault("response header content-length: not a number"))?;
            if let Some(known) = self.length {
                if known != length {
                    return Err(fault("two different content-length headers"));
                }
                return Ok(true);
            }
            self.length = Some(length);
            return Ok(false);
        }
        if *name == TRANSFER_ENCODING {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or(value);
            self.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            return Ok(true);
        }
        if *name == CONNECTION {
            self.connection(value);
            return Ok(true);
        }
        if *name == KEEP_ALIVE {
            self.timeout = keep_alive_timeout(value);
            return Ok(true);
        }
        Ok([PROXY_CONNECTION, UPGRADE, TE, TRAILER, PROXY_AUTHENTICATE].contains(name))
    }

    fn connection(&mut self, value: &[u8]) {
        for token in value.split(|byte| *byte == b',') {
            let token = token.trim_ascii();
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if let Ok(name) = HeaderName::from_bytes(token)
                && name != CONTENT_LENGTH
            {
                self.named.push(name);
            }
        }
    }

    /// Drops the headers that `Connection` named.
    fn drop_named(&self, headers: &mut HeaderMap) {
        for name in &self.named {
            headers.remove(name);
        }
    }

    /// RFC 9112 section 6.3, and 9.3 for reuse.
    fn verdict(
        &self,
        code: StatusCode,
        method: &Method,
    ) -> Result<(Framing, Reuse), TransportError> {
        let framing = if code.is_informational()
            || matches!(code, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || *method == Method::HEAD
        {
            Framing::Length(0)
        } else {
            match (self.chunked, self.length) {
                (Some(true), _) => Framing::Chunked,
                (Some(false), _) => {
                    return Err(fault("transfer-encoding that is not chunked"));
                }
                (None, Some(length)) => Framing::Length(length),
                (None, None) => Framing::UntilClose,
            }
        };
        // Both framings at once is how responses are smuggled: such a connection is not trusted again.
        let confused = self.chunked.is_some() && (self.length.is_some() || self.old);
        let open = !self.close && (!self.old || self.keep_alive) && !confused;
        let reuse = match (open && framing != Framing::UntilClose, self.timeout) {
            (false, _) => Reuse::No,
            (true, None) => Reuse::Yes,
            (true, Some(timeout)) => Reuse::For(timeout),
        };
        Ok((framing, reuse))
    }
}

/// `timeout=5, max=100`: how long the server keeps the connection.
fn keep_alive_timeout(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    text.split(',')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("timeout"))
        .and_then(|(_, seconds)| seconds.trim().parse().ok())
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;
    use proptest::prelude::*;

    use super::{Framing, Reuse, keep_alive_timeout, parse};

    #[test]
    fn the_servers_own_idle_limit_is_read() {
        let seconds = |value: &str| keep_alive_timeout(value.as_bytes()).map(|t| t.as_secs());
        assert_eq!(seconds("timeout=5, max=100"), Some(5));
        assert_eq!(seconds("max=100,Timeout = 7"), Some(7));
        assert_eq!(seconds("max=100"), None);
        assert_eq!(seconds("timeout=soon"), None);
        let head = b"HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 3\r\n\r\n";
        let head = parse(head, &Method::POST).unwrap().unwrap();
        assert_eq!(head.framing, Framing::Length(3));
        assert_eq!(head.reuse, Reuse::For(Duration::from_secs(5)));
    }

    proptest! {
        #[test]
        fn no_head_panics(
            start in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.0 503\r\nconnection:"]),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut head = start.as_bytes().to_vec();
            head.extend_from_slice(&bytes);
            head.extend_from_slice(b"\r\n\r\n");
            let _ = parse(&head, &Method::GET);
        }
    }
}
