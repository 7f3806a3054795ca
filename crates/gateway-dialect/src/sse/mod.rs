//! Server-sent events: a scanner that takes bytes cut anywhere, and a writer.
//!
//! The scanner knows LF, CRLF and CR line ends, a byte order mark, comments, `data` with and without a blank after the
//! colon, several `data` lines, `event` and `id`. It copies nothing while an event lies within one chunk; of an
//! event that is cut it keeps the bytes so far, up to a bound.
//!
//! It deliberately does not reconnect (`retry` is ignored) and, other than browsers, delivers a last event that lacks
//! its blank line when asked to ([`SseScanner::finish`]): several providers end their streams so.
//!
//! ```
//! use gateway_dialect::sse::SseScanner;
//!
//! let mut scanner = SseScanner::new();
//! let mut seen = Vec::new();
//! for chunk in [&b"event: ping\nda"[..], b"ta: {}\n", b"\n"] {
//!     scanner.feed(chunk, |event| seen.push((event.name.map(str::to_owned), event.data.to_vec()))).unwrap();
//! }
//! assert_eq!(seen, [(Some("ping".to_owned()), b"{}".to_vec())]);
//! ```

mod held;
mod scanner;
mod watch;
mod writer;

use gateway_schema::{CallError, ErrorKind};

pub(crate) use held::Held;
pub use scanner::{SseEvent, SseOverflow, SseScanner};
pub(crate) use watch::{Reader, Watch, string_length, text_length};
pub use writer::{write_comment, write_event, write_json};

/// True when `data` is a whole JSON document: not one that the end of a connection cut short.
pub(crate) fn is_whole(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

/// True when `data` may be a JSON object, by its first and its last byte, or is nothing: what is looked at in each of the
/// many events that nobody parses on their way to a client of the same dialect.
pub(crate) fn may_be_object(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data.is_empty() || data.first() == Some(&b'{') && data.last() == Some(&b'}')
}

/// What a stream ends with in which an event is not what its dialect says. Nothing after it can be trusted.
pub(crate) fn malformed() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider sent an event that is not valid JSON.",
    )
}

#[cfg(test)]
mod tests;
