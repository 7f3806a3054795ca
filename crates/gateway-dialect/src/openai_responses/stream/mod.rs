//! Streams: named events with a running number.

mod encode;
mod observe;
mod write;

pub use encode::StreamEncoder;
pub use observe::StreamObserver;
