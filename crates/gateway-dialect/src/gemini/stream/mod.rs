//! Streams: pieces in, pieces out, and bytes watched on their way.
//!
//! A stream is a row of replies: as server-sent events with `alt=sse`, as one JSON array without.

mod decode;
mod encode;
mod observe;
mod source;

use gateway_schema::{CallError, ErrorKind};

pub use decode::StreamDecoder;
pub(super) use encode::StreamEncoder;
pub use observe::StreamObserver;

/// How the pieces of a stream are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As server-sent events.
    Events,
    /// As the items of a JSON array.
    Array,
}

/// The stream stopped before its end.
pub(super) fn cut_short() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream ended before the answer was complete.",
    )
    .with_code("stream_cut")
}
