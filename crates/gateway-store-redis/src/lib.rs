//! Rates and cached answers in Redis or Valkey, so that several gateways share them.
//!
//! * [`RedisStores::open`] makes the stores of one server, as the ports of `gateway-store`, and a [`RedisWorker`] that
//!   somebody must run: it connects, connects again, leases shares and writes answers. Nothing else here does I/O but
//!   looking an answer up.
//! * Rates are shared by leases: a process takes from what it has leased without a network call and asks for more ahead
//!   of need; see `rates`.
//! * Answers are looked up in the memory of the process first, which is not here; whatever goes wrong here is a miss.
//!
//! Everything in the server is named `gateway:1:...`; subjects of limits and questions of callers stand there as
//! digests, never as they are. Answers stand there as they are.
//!
//! What is deliberately absent: files, variables, clocks (but the client looks for the system's roots itself); clusters
//! and sentinels (every script touches one key, so a proxy before a cluster does).
//!
//! ```no_run
//! # async fn start() -> Result<(), gateway_store_redis::ConfigError> {
//! use gateway_schema::Secret;
//! use gateway_store_redis::{RedisConfig, RedisStores};
//!
//! let config = RedisConfig::new(Secret::new("redis://localhost:6379".to_owned()));
//! let (stores, worker) = RedisStores::open(config)?;
//! tokio::spawn(worker.run(std::future::pending()));
//! let rates = stores.rates;
//! # let _ = rates;
//! # Ok(())
//! # }
//! ```

mod bounded;
mod cache;
mod config;
mod connect;
mod link;
mod rates;
mod worker;

pub use cache::RedisCache;
pub use config::{ConfigError, RedisConfig};
pub use link::RedisLink;
pub use rates::RedisRates;
pub use worker::{RedisStores, RedisWorker};
