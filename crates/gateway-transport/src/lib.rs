//! The one upstream HTTP client of the gateway: an implementation of [`gateway_provider::Transport`].
//!
//! What it does: keeps connections per origin and uses the warmest first; opens them with a bound on DNS, TCP and TLS
//! together, trying the addresses of a host side by side; speaks HTTP/1.1 with a codec of its own that runs inside the
//! caller's future, and HTTP/2 (over several connections) where that is configured and offered; resumes TLS sessions; goes
//! through forward proxies; redirects origins for tests; says precisely what failed; counts what is open.
//!
//! What it deliberately does not: follow redirects, keep cookies, decompress, retry answers, time out answers (deadlines
//! belong to the layers above), read the environment.
//!
//! *Bodies* arrive as they are read. A body that ends before its length or its last chunk is an error, never a clean end.
//! Response headers that concern one connection (`connection`, `keep-alive`, `transfer-encoding` and the like) are
//! removed.
//!
//! *Retries*: once, and only when a kept connection turns out to have been closed by the server: a request that was not
//! written whole, or one whose method says that it may be sent twice (RFC 9110 section 9.2.2). A POST that was written
//! whole is never sent again, because a server that took it and died looks like one that closed before. Each resend is
//! told, by [`Resent`](gateway_provider::Resent), so that it can be recorded.
//!
//! *Tasks*: HTTP/1.1 needs none. Each HTTP/2 connection has one driver task, and one sweeper per client closes connections
//! that grew old. All are tracked: [`HttpTransport::shutdown`] waits for them, and they end by themselves once the client
//! is dropped.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use gateway_provider::{SendLimits, Transport as _};
//! use gateway_transport::{HttpTransport, TransportConfig};
//!
//! let transport = HttpTransport::new(TransportConfig::default())?;
//! let request = http::Request::post("https://api.example.com/v1/chat/completions")
//!     .header("content-type", "application/json")
//!     .body(Bytes::from_static(b"{}"))?;
//! let response = transport.send(request, SendLimits::default()).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod connect;
mod error;
mod h1;
mod h2;
mod io;
mod origin;
mod origin_pool;
mod pool;
mod proxy;
mod stats;
mod tls;

pub use client::HttpTransport;
pub use config::{Protocol, TransportConfig};
pub use error::ConfigError;
pub use origin::OriginOverrides;
pub use proxy::Proxies;
pub use stats::Stats;
