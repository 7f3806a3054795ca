//! What leaves the process about its calls.

use std::fmt;
use std::sync::Arc;

use foldhash::HashSet;
use gateway_schema::{EndpointName, ModelId, ProviderName};
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
    /// Which models may be labels; `None` where every model may.
    pub models: Option<Arc<LabelModels>>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            prometheus: true,
            otlp: None,
            log: LineFormat::Text,
            service: "gateway".to_owned(),
            models: None,
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

    /// Counts only `models` under their own names. Where callers choose models (requests that are passed on), any text
    /// could become a label otherwise.
    pub fn with_models(mut self, models: LabelModels) -> Self {
        self.models = Some(Arc::new(models));
        self
    }
}

/// True for a model that a provider is known to have.
pub type IsModel = Arc<dyn Fn(&ProviderName, &ModelId) -> bool + Send + Sync>;

/// The models that may be labels of metrics.
#[derive(Clone, Default)]
pub struct LabelModels {
    configured: HashSet<(EndpointName, ModelId)>,
    known: Option<IsModel>,
}

impl fmt::Debug for LabelModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelModels")
            .field("configured", &self.configured.len())
            .finish_non_exhaustive()
    }
}

impl LabelModels {
    /// `configured` are the models that the configuration lets answer for a name, an endpoint's or a route's. Nothing
    /// that callers send displaces their series.
    pub fn new(configured: impl IntoIterator<Item = (EndpointName, ModelId)>) -> Self {
        Self {
            configured: configured.into_iter().collect(),
            known: None,
        }
    }

    /// Models for which `known` is true are labels too, as long as there is room; all others are `other`.
    pub fn with_known(mut self, known: IsModel) -> Self {
        self.known = Some(known);
        self
    }

    pub(crate) fn is_configured(&self, endpoint: &EndpointName, model: &ModelId) -> bool {
        // A hash set of pairs is asked with a pair; both are counted references.
        self.configured.contains(&(endpoint.clone(), model.clone()))
    }

    pub(crate) fn is_known(&self, provider: &ProviderName, model: &ModelId) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| known(provider, model))
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
