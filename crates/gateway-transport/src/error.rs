//! What can be wrong with the settings of the transport.

use thiserror::Error;

/// A setting that cannot be used. Nothing secret is in the text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An origin override is not `FROM=TO` with two origins.
    #[error(
        "origin override `{rule}`: expected FROM=TO, each an origin such as https://api.example.com:443, FROM also *"
    )]
    Override {
        /// The rule as it was given.
        rule: String,
    },
    /// A proxy URL cannot be used. The URL itself is withheld, because it may hold a password.
    #[error("{name}: expected a proxy such as http://proxy.example:3128, found {found}")]
    Proxy {
        /// Which setting it was.
        name: &'static str,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A certificate for the extra roots cannot be read.
    #[error("extra root certificate {index}: {reason}")]
    Root {
        /// Its place among the certificates given, from 0.
        index: usize,
        /// Why it was refused.
        reason: String,
    },
    /// The TLS library refused the settings.
    #[error("TLS settings: {0}")]
    Tls(String),
}
