//! The stores of one server, and who does their work.

use std::fmt;
use std::sync::Arc;

use gateway_store::shared::SharedStores;

use crate::cache::{RedisCache, Writer};
use crate::config::{ConfigError, RedisConfig};
use crate::link::RedisLink;
use crate::rates::{Leasing, RedisRates};

/// The stores of one server.
#[derive(Debug, Clone)]
pub struct RedisStores {
    /// Rates.
    pub rates: Arc<RedisRates>,
    /// Answers.
    pub cache: Arc<RedisCache>,
    /// How it is with the server.
    pub link: RedisLink,
}

impl RedisStores {
    /// The stores of the server that `config` names. Nothing is connected until the worker runs.
    ///
    /// # Errors
    /// The URL is not one of a Redis server.
    pub fn open(config: RedisConfig) -> Result<(Self, RedisWorker), ConfigError> {
        let link = RedisLink::new(&config)?;
        // Answers have a connection of their own, so that a large one does not stand before a lease.
        let carrier = link.beside();
        let (cache, writer) = RedisCache::new(carrier.clone(), &config.namespace);
        let (rates, leasing) = RedisRates::new(link.clone(), config);
        let stores = Self {
            rates: Arc::new(rates),
            cache: Arc::new(cache),
            link: link.clone(),
        };
        let worker = RedisWorker {
            link,
            carrier,
            writer,
            leasing,
        };
        Ok((stores, worker))
    }

    /// The stores as ports.
    pub fn shared(&self) -> SharedStores {
        SharedStores {
            rates: Arc::clone(&self.rates) as _,
            cache: Arc::clone(&self.cache) as _,
            link: Arc::new(self.link.clone()),
        }
    }
}

/// Connects, leases and writes. Somebody must run it.
pub struct RedisWorker {
    link: RedisLink,
    carrier: RedisLink,
    writer: Writer,
    leasing: Leasing,
}

impl fmt::Debug for RedisWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisWorker")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

impl RedisWorker {
    /// Works until `stop`, or until nobody has the stores any more. Then what is leased is returned, for at most half a
    /// second, and the connections are closed, whoever still has the cache.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let links = [self.link.clone(), self.carrier.clone()];
        tokio::select! {
            () = self.link.keep() => {}
            () = self.carrier.keep() => {}
            () = self.leasing.run(stop) => {}
            // Ends with the stores, as leasing does a moment later.
            () = async { self.writer.run().await; std::future::pending().await } => {}
        }
        for link in links {
            link.close();
        }
    }
}
