//! Streams: events in, events out, and bytes watched on their way.

mod decode;
mod encode;
mod observe;

use gateway_schema::{CallError, ErrorKind};

pub use decode::StreamDecoder;
pub(super) use decode::failure;
pub(super) use encode::StreamEncoder;
pub use observe::StreamObserver;

/// The stream stopped before its last event.
pub(super) fn cut_short() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream ended before the answer was complete.",
    )
    .with_code("stream_cut")
}
