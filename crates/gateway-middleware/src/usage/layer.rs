use std::fmt;
use std::sync::Arc;

use gateway_store::RecordSink;
use tower_layer::Layer;

use super::service::Metered;

/// Adds [`Metered`] to a service.
#[derive(Clone)]
pub struct UsageLayer {
    sink: Arc<dyn RecordSink>,
}

impl UsageLayer {
    /// Records go to `sink`.
    pub fn new(sink: Arc<dyn RecordSink>) -> Self {
        Self { sink }
    }
}

impl fmt::Debug for UsageLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for UsageLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered::new(inner, Arc::clone(&self.sink))
    }
}
