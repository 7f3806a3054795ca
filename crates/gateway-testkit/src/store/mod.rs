//! What every store must do, whichever server is behind it.
//!
//! [`rates`] checks a [`RateStore`](gateway_store::rate::RateStore), [`remote_cache`] a
//! [`RemoteCache`](gateway_store::cache::RemoteCache), [`definitions()`] a
//! [`DefinitionStore`](gateway_store::definitions::DefinitionStore); [`MemoryRemote`] is a far cache without a server,
//! [`RedisServer`] and [`PostgresServer`] are real servers to be killed.

mod cache;
mod definitions;
mod postgres;
mod rates;
mod redis;

pub use cache::{MemoryRemote, remote_cache};
pub use definitions::{DefinitionBench, definitions};
pub use postgres::PostgresServer;
pub use rates::{RateBench, rates};
pub use redis::RedisServer;
