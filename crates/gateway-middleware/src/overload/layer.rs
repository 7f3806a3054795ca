use tower_layer::Layer;

use super::capacity::Capacity;
use super::service::Shedding;

/// Adds [`Shedding`] to a service.
#[derive(Debug, Clone)]
pub struct ShedLayer {
    capacity: Capacity,
}

impl ShedLayer {
    /// Sheds by `capacity`.
    pub const fn new(capacity: Capacity) -> Self {
        Self { capacity }
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shedding<S>;

    fn layer(&self, inner: S) -> Shedding<S> {
        Shedding::new(inner, self.capacity.clone())
    }
}
