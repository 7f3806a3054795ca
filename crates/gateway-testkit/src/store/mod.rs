//! What every store must do, whichever server is behind it.
//!
//! [`rates`] checks a [`RateStore`](gateway_store::rate::RateStore), [`remote_cache`] a
//! [`RemoteCache`](gateway_store::cache::RemoteCache); [`MemoryRemote`] is a far cache without a server, [`RedisServer`] a real
//! server to be killed.

mod cache;
mod rates;
mod redis;

pub use cache::{MemoryRemote, remote_cache};
pub use rates::{RateBench, rates};
pub use redis::RedisServer;
