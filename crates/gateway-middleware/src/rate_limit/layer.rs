use std::fmt;
use std::sync::Arc;

use gateway_store::rate::RateStore;
use tower_layer::Layer;

use super::policy::Rule;
use super::service::RateLimited;

/// Adds [`RateLimited`] to a service.
#[derive(Clone)]
pub struct RateLimitLayer {
    rules: Vec<Rule>,
    store: Arc<dyn RateStore>,
}

impl RateLimitLayer {
    /// A layer with these rules, counted in `store`.
    pub fn new(rules: Vec<Rule>, store: Arc<dyn RateStore>) -> Self {
        Self { rules, store }
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimited<S>;

    fn layer(&self, inner: S) -> RateLimited<S> {
        RateLimited::new(inner, self.rules.clone(), Arc::clone(&self.store))
    }
}
