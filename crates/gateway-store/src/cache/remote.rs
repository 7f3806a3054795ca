use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::CacheKey;

/// What a far cache had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteValue {
    /// Which of the keys it was found by: its place among those asked for.
    pub found: usize,
    /// The value.
    pub bytes: Vec<u8>,
    /// How long it will still be kept there.
    pub left: Duration,
}

/// A future of a far cache.
pub type RemoteFuture<'a> = Pin<Box<dyn Future<Output = Option<RemoteValue>> + Send + 'a>>;

/// Keeps bytes by key for a while, for several processes.
///
/// Shape: one cache for everything; a key holds one value, the latest.
/// Failure: a cache that is away, slow or full finds nothing and keeps nothing. It says so in its metrics, not here.
pub trait RemoteCache: fmt::Debug + Send + Sync + 'static {
    /// The value of the first of `keys` that has one.
    ///
    /// Cancellation: a dropped future asked in vain.
    fn get<'a>(&'a self, keys: &'a [CacheKey]) -> RemoteFuture<'a>;

    /// Keeps `bytes` for `ttl`, soon: nothing waits for it. What is larger than the cache takes is not kept.
    fn put(&self, key: CacheKey, bytes: Vec<u8>, ttl: Duration);

    /// Bytes of a value at most: whoever knows that its value is larger need not make bytes of it.
    fn max_value_bytes(&self) -> usize;
}
