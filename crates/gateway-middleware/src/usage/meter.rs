use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_schema::{EndpointName, ModelId, Usage, Usd};
use gateway_store::RecordSink;

/// What calls cost. Answers from memory: prices are looked up when a configuration is built.
pub trait Prices: Send + Sync + 'static {
    /// What this consumption of the endpoint's target cost, and which prices were used; `None` for an unknown price.
    fn cost(&self, endpoint: &EndpointName, usage: &Usage) -> Option<(Usd, &'static str)>;

    /// The same for `model`, which need not be the endpoint's own.
    fn cost_of(
        &self,
        endpoint: &EndpointName,
        model: &ModelId,
        usage: &Usage,
    ) -> Option<(Usd, &'static str)> {
        let _ = (endpoint, model, usage);
        None
    }
}

/// Calls that are on their way.
#[derive(Debug, Default)]
pub struct InFlight(AtomicU64);

impl InFlight {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn enter(self: &Arc<Self>) -> Flight {
        self.0.fetch_add(1, Ordering::Relaxed);
        Flight(Arc::clone(self))
    }
}

/// One call on its way, until it is dropped.
pub(super) struct Flight(Arc<InFlight>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the calls of one name are metered.
#[derive(Clone)]
pub struct Meter {
    pub(super) sink: Arc<dyn RecordSink>,
    pub(super) prices: Option<Arc<dyn Prices>>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) content: bool,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("in_flight", &self.in_flight)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// Records go to `sink`, without prices and without content.
    pub fn new(sink: Arc<dyn RecordSink>) -> Self {
        Self {
            sink,
            prices: None,
            in_flight: Arc::default(),
            content: false,
        }
    }

    /// Says what calls cost.
    pub fn with_prices(mut self, prices: Arc<dyn Prices>) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Counts calls on their way there.
    pub fn with_in_flight(mut self, in_flight: Arc<InFlight>) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// States whether records keep what was said.
    pub const fn with_content(mut self, content: bool) -> Self {
        self.content = content;
        self
    }
}
