use tower_layer::Layer;

use super::policy::CacheConfig;
use super::service::Cached;
use super::share::Answers;

/// Adds [`Cached`] to a service.
#[derive(Debug, Clone)]
pub struct CacheLayer {
    config: CacheConfig,
    answers: Answers,
}

impl CacheLayer {
    /// Keeps answers in `answers`.
    pub const fn new(config: CacheConfig, answers: Answers) -> Self {
        Self { config, answers }
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached::new(inner, self.config.clone(), self.answers.clone())
    }
}
