use std::fmt;
use std::sync::Arc;

use gateway_provider::Authenticate;
use tower_layer::Layer;

use super::service::Auth;

/// Adds [`Auth`] to a service.
#[derive(Clone)]
pub struct AuthLayer {
    authenticate: Arc<dyn Authenticate>,
}

impl AuthLayer {
    /// Asks `authenticate` who calls.
    pub fn new(authenticate: Arc<dyn Authenticate>) -> Self {
        Self { authenticate }
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth::new(inner, Some(Arc::clone(&self.authenticate)))
    }
}
