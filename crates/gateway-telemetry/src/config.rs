//! What leaves the process about its calls.

use http::{HeaderName, HeaderValue};

/// What is told, and to whom.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TelemetryConfig {
    /// Whether metrics are rendered for scrapers.
    pub prometheus: bool,
    /// The collector that traces and metrics are sent to.
    pub otlp: Option<OtlpConfig>,
    /// The form of the access log.
    pub log: LineFormat,
    /// What exports call this service.
    pub service: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            prometheus: true,
            otlp: None,
            log: LineFormat::Text,
            service: "gateway".to_owned(),
        }
    }
}

impl TelemetryConfig {
    /// Metrics for scrapers, no collector, lines for people.
    pub fn new() -> Self {
        Self::default()
    }

    /// States whether metrics are rendered for scrapers.
    pub const fn with_prometheus(mut self, prometheus: bool) -> Self {
        self.prometheus = prometheus;
        self
    }

    /// Sends traces and metrics to a collector.
    pub fn with_otlp(mut self, otlp: Option<OtlpConfig>) -> Self {
        self.otlp = otlp;
        self
    }

    /// Chooses the form of the access log.
    pub const fn with_log(mut self, log: LineFormat) -> Self {
        self.log = log;
        self
    }
}

/// The form of a line of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineFormat {
    /// `name=value` pairs.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

/// An OpenTelemetry collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// Its URL, without `/v1/traces` and `/v1/metrics`.
    pub endpoint: String,
    /// Headers sent with every export.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
