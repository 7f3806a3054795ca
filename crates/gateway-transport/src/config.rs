//! The settings of the transport.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::{OriginOverrides, Proxies};

/// Which version of HTTP is spoken to `https` origins. Plain `http` origins get HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1, one exchange per connection at a time. It costs the least processor time per request and a stalled
    /// stream holds up nobody else, so it is the default; its price is a connection for every concurrent stream.
    #[default]
    Http1,
    /// HTTP/2 where the origin offers it: many streams share few connections.
    PreferHttp2,
}

/// Settings; [`TransportConfig::default`] suits model providers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransportConfig {
    /// Idle connections kept per origin; more are closed when their exchange ends.
    pub idle_per_origin: usize,
    /// How long an idle connection is kept. Load balancers commonly close after 60 s, so it is less than that.
    pub idle_timeout: Duration,
    /// The version of HTTP for `https` origins.
    pub protocol: Protocol,
    /// Streams on one HTTP/2 connection before another is opened.
    pub streams_per_connection: NonZeroUsize,
    /// Time between TCP keep-alive probes; `None` sends none.
    pub keepalive: Option<Duration>,
    /// Certificates to trust besides the Mozilla roots, each a PEM text with one or more. Of several, those that cannot be
    /// roots are passed over.
    pub extra_roots_pem: Vec<Vec<u8>>,
    /// Forward proxies.
    pub proxies: Proxies,
    /// Origins that are sent elsewhere.
    pub overrides: OriginOverrides,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            idle_per_origin: 1024,
            idle_timeout: Duration::from_secs(55),
            protocol: Protocol::Http1,
            streams_per_connection: NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN),
            keepalive: Some(Duration::from_secs(30)),
            extra_roots_pem: Vec::new(),
            proxies: Proxies::new(),
            overrides: OriginOverrides::new(),
        }
    }
}

impl TransportConfig {
    /// Keeps at most this many idle connections per origin.
    pub fn with_idle_per_origin(mut self, connections: usize) -> Self {
        self.idle_per_origin = connections;
        self
    }

    /// Keeps idle connections for this long.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Chooses the version of HTTP.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Opens another HTTP/2 connection once this many streams are open on each.
    pub fn with_streams_per_connection(mut self, streams: NonZeroUsize) -> Self {
        self.streams_per_connection = streams;
        self
    }

    /// Sets the time between TCP keep-alive probes.
    pub fn with_keepalive(mut self, time: Option<Duration>) -> Self {
        self.keepalive = time;
        self
    }

    /// Trusts the certificates in this PEM text too.
    pub fn with_extra_root(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_roots_pem.push(pem.into());
        self
    }

    /// Uses these forward proxies.
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Redirects origins.
    pub fn with_overrides(mut self, overrides: OriginOverrides) -> Self {
        self.overrides = overrides;
        self
    }
}
