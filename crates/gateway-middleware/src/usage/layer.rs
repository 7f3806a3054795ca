use std::sync::Arc;

use gateway_store::RecordSink;
use tower_layer::Layer;

use super::meter::Meter;
use super::service::Metered;

/// Adds [`Metered`] to a service.
#[derive(Debug, Clone)]
pub struct UsageLayer {
    meter: Arc<Meter>,
}

impl UsageLayer {
    /// Records go to `sink`.
    pub fn new(sink: Arc<dyn RecordSink>) -> Self {
        Self::metered(Meter::new(sink))
    }

    /// Calls are metered so.
    pub fn metered(meter: Meter) -> Self {
        Self {
            meter: Arc::new(meter),
        }
    }
}

impl<S> Layer<S> for UsageLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered::by(inner, Arc::clone(&self.meter))
    }
}
