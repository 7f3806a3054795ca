//! Streams: events in, events out, and bytes watched on their way.

mod decode;
mod encode;
mod observe;

use gateway_schema::{CallError, ErrorKind};
use serde::{Deserialize, Deserializer};

pub use decode::StreamDecoder;
pub(super) use encode::StreamEncoder;
pub use observe::StreamObserver;

/// The deltas that say something in the canonical form.
const KNOWN_DELTAS: [&str; 5] = [
    "text_delta",
    "thinking_delta",
    "signature_delta",
    "input_json_delta",
    "citations_delta",
];

/// Whether a delta is one of those. Of any other kind, its fields may be anything.
fn is_known<'de>(delta: impl Deserializer<'de>) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    Kind::deserialize(delta).is_ok_and(|delta| KNOWN_DELTAS.contains(&delta.kind.as_str()))
}

/// The stream stopped before its terminator.
pub(super) fn cut_short() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream ended before the answer was complete.",
    )
    .with_code("stream_cut")
}
