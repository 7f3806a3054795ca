//! Streams of chat and of completions: chunks in `data` lines, closed by `[DONE]`.

mod calls;
mod chunk;
mod decode;
mod delta;
mod encode;
mod observe;
mod plain;
mod shape;
mod write;

pub use decode::StreamDecoder;
pub use encode::StreamEncoder;
pub use observe::{Observer, UsageChunk};

/// The terminator.
const DONE: &[u8] = b"[DONE]";
