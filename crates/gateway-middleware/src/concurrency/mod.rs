//! Bounds the calls to one target at the same time, with a fair, bounded queue.
//!
//! A call that finds no place waits in line, first come first served. A line that is as long as `queue` answers at once
//! with a clear 503 instead of slowing everybody. A place is held until the answer is over, streams included.
//!
//! Cancellation: a call that is dropped leaves the line at once.

mod body;
mod future;
mod service;

#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use service::{ConcurrencyLimited, Places};
