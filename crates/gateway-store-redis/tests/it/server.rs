//! Servers to test with: the one that the tests were given, or one of the test's own.

use gateway_schema::Secret;
use gateway_store_redis::{RedisConfig, RedisStores};
use gateway_testkit::store::RedisServer;
use tokio_util::sync::CancellationToken;

/// The variable that tells where Redis is.
const VARIABLE: &str = "GATEWAY_TEST_REDIS";

#[expect(
    clippy::disallowed_methods,
    reason = "the test command tells tests where Redis is"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The URL of the server that the tests were given, or of one that is started for the caller.
pub(crate) fn given() -> Option<(String, Option<RedisServer>)> {
    if let Some(url) = variable(VARIABLE) {
        return Some((url, None));
    }
    let server = RedisServer::start()?;
    Some((server.url(), Some(server)))
}

/// The stores of one gateway, working until it is dropped or stopped.
pub(crate) struct Node {
    pub(crate) stores: RedisStores,
    stop: CancellationToken,
    worker: Option<tokio::task::JoinHandle<()>>,
}

impl Node {
    pub(crate) fn at(url: &str) -> Self {
        Self::with(RedisConfig::new(Secret::new(url.to_owned())))
    }

    pub(crate) fn with(config: RedisConfig) -> Self {
        let (stores, worker) = RedisStores::open(config).unwrap();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(worker.run(stop.clone().cancelled_owned()));
        Self {
            stores,
            stop,
            worker: Some(worker),
        }
    }

    /// Ends in order, as at the end of a process.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.worker.take().unwrap().await.unwrap();
    }

    /// Ends at once, as a process that is killed.
    pub(crate) fn die(mut self) {
        self.worker.take().unwrap().abort();
    }
}
