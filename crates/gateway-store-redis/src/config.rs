//! Where the server is.

use std::time::Duration;

use gateway_schema::Secret;

/// Where the server is and how long it is waited for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RedisConfig {
    /// `redis://`, `rediss://`, `valkey://` or `valkeys://`, with a password and the number of a database if need be.
    pub url: Secret,
    /// Certificates in PEM to trust instead of the system's roots.
    pub roots_pem: Option<Vec<u8>>,
    /// What all names in the server begin with.
    pub namespace: String,
    /// How long a process may keep what it leased without renewing it.
    pub lease: Duration,
    /// How long a place among concurrent calls stays taken when its process is gone.
    pub place_lease: Duration,
}

impl RedisConfig {
    /// The server at `url`.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            roots_pem: None,
            namespace: "gateway:1".to_owned(),
            lease: Duration::from_secs(10),
            place_lease: Duration::from_secs(30),
        }
    }

    /// Trusts the certificates in this PEM text, and none else. Without it, TLS trusts the system's roots, or those that
    /// the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn with_roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots_pem = Some(pem.into());
        self
    }

    /// Begins all names with `namespace`, so that deployments that must not meet can use one database.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Leases units and places for other times.
    pub const fn with_leases(mut self, units: Duration, places: Duration) -> Self {
        self.lease = units;
        self.place_lease = places;
        self
    }
}

/// What keeps stores from being opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL is not one of a Redis server. It is not repeated: it may hold a password.
    #[error("this is not the URL of a Redis server: {0}")]
    Url(String),
    /// The certificates to trust cannot be read, or there are none.
    #[error("the certificates to trust: {0}")]
    Roots(String),
}
