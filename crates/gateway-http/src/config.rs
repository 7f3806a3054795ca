//! What the edge may be told.

use std::sync::Arc;
use std::time::Duration;

use crate::browser::BrowserPolicy;
use crate::directory::BodyBounds;

/// The largest request body that is accepted unless said otherwise: 100 MiB.
const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;

/// The largest body that is passed on without being held, unless said otherwise: 2 GiB.
const MAX_UPLOAD_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// How long a client may take to send a body unless said otherwise.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Limits of the edge, and which surfaces it offers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EdgeConfig {
    /// The largest request body that is read, as sent. Larger ones are answered 413.
    pub max_body_bytes: usize,
    /// The largest request body after decompression. Larger ones are answered 413.
    pub max_decompressed_bytes: usize,
    /// The largest body of a request that is passed on as it is: beyond `max_body_bytes` it is not held, but sent on as
    /// it comes. Larger ones are answered 413.
    pub max_upload_bytes: u64,
    /// How long a body may be waited for; a second is earned back by every 8 KiB of it, but never more than this. For each
    /// piece of a body that is not held it begins anew. Slower ones are answered 408.
    pub body_timeout: Duration,
    /// Names of the surfaces that are offered; `None` for all of them.
    pub surfaces: Option<Vec<String>>,
    /// Which pages may call, and by which names the gateway is called, where the directory does not say.
    pub browsers: Arc<BrowserPolicy>,
    /// What `/version` says.
    pub version: String,
    /// Whether requests that ask an endpoint leave a line in the log when they are over. Without it they leave one on
    /// level debug, for a process whose access log is made from records.
    pub log_calls: bool,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: MAX_BODY_BYTES,
            max_decompressed_bytes: MAX_BODY_BYTES,
            max_upload_bytes: MAX_UPLOAD_BYTES,
            body_timeout: BODY_TIMEOUT,
            surfaces: None,
            browsers: Arc::default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            log_calls: true,
        }
    }
}

impl EdgeConfig {
    /// 100 MiB bodies, every surface.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits request bodies, as sent and decompressed alike.
    pub const fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self.max_decompressed_bytes = bytes;
        self
    }

    /// Limits decompressed request bodies alone.
    pub const fn with_max_decompressed_bytes(mut self, bytes: usize) -> Self {
        self.max_decompressed_bytes = bytes;
        self
    }

    /// Limits bodies that are passed on without being held.
    pub const fn with_max_upload_bytes(mut self, bytes: u64) -> Self {
        self.max_upload_bytes = bytes;
        self
    }

    /// Limits the time that a client takes to send a body.
    pub const fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Offers these surfaces only: `openai`, `azure`, `anthropic`, `gemini`, `bedrock`,
    /// `openai-responses`, `mlflow`, `passthrough`, `operations`.
    pub fn with_surfaces<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.surfaces = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// States which pages may call, and by which names the gateway is called.
    pub fn with_browsers(mut self, policy: BrowserPolicy) -> Self {
        self.browsers = Arc::new(policy);
        self
    }

    /// States what `/version` says.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// States whether requests that ask an endpoint leave a line in the log.
    pub const fn with_log_calls(mut self, log_calls: bool) -> Self {
        self.log_calls = log_calls;
        self
    }

    pub(crate) const fn body_bounds(&self) -> BodyBounds {
        BodyBounds {
            max_bytes: self.max_body_bytes,
            max_decompressed_bytes: self.max_decompressed_bytes,
            max_upload: self.max_upload_bytes,
            timeout: self.body_timeout,
        }
    }

    pub(crate) fn offers(&self, surface: &str) -> bool {
        self.surfaces
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == surface))
    }
}
