//! A request in the one form that both sides sign.

use bytes::Bytes;

use crate::sign::hash;

/// Headers that something on the way may add, drop or change.
const UNSIGNED: [&str; 10] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "te",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// The canonical request, and the names of the signed headers.
pub(crate) fn request(request: &http::Request<Bytes>) -> (String, String) {
    let mut names: Vec<&str> = request
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| !UNSIGNED.contains(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let form = form(
        (request.method(), request.uri(), request.headers()),
        &names,
        &hash(request.body()),
    );
    (form, names.join(";"))
}

/// The parts of a head that are signed.
pub(crate) type Head<'a> = (&'a http::Method, &'a http::Uri, &'a http::HeaderMap);

/// The canonical request with these signed headers, whose body has this digest.
pub(crate) fn form((method, uri, all): Head<'_>, names: &[&str], digest: &str) -> String {
    let signed = names.join(";");
    let mut headers = String::new();
    for name in names {
        headers.push_str(name);
        headers.push(':');
        for (index, value) in all.get_all(*name).iter().enumerate() {
            if index > 0 {
                headers.push(',');
            }
            trimmed(&String::from_utf8_lossy(value.as_bytes()), &mut headers);
        }
        headers.push('\n');
    }
    format!(
        "{method}\n{}\n{}\n{headers}\n{signed}\n{digest}",
        path(uri.path()),
        query(uri.query().unwrap_or_default()),
    )
}

/// A header value with one blank where there are several.
fn trimmed(value: &str, out: &mut String) {
    for (index, word) in value.split_ascii_whitespace().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// The path without `.`, `..` and empty segments, encoded once more, as every service but S3 wants it.
fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = String::with_capacity(path.len() + 8);
    for segment in &segments {
        out.push('/');
        percent_encode(segment.as_bytes(), &mut out);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// Parameters in the order of their names, then of their values; already encoded ones are left so.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (again(name), again(value))
        })
        .collect();
    pairs.sort_unstable();
    let mut out = String::with_capacity(query.len());
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// Encodes what is not encoded yet.
fn again(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let is_encoded = *byte == b'%'
            && after
                .get(..2)
                .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        if is_encoded {
            out.push('%');
        } else {
            percent_encode(&[*byte], &mut out);
        }
        rest = after;
    }
    out
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub fn percent_encode(bytes: &[u8], out: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            other => {
                out.push('%');
                for digit in [other >> 4, other & 15] {
                    out.extend(DIGITS.get(usize::from(digit)));
                }
            }
        }
    }
}
