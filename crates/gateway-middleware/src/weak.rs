//! State that clones share, found again by name without being held by the name.

use std::sync::{Arc, Weak};

/// State that clones share, and that lives as long as somebody uses it: a service, a call in flight, a stream.
///
/// Whoever finds state by name keeps the [`Weak`](Self::Weak) form of it, so that the state of a name that is gone is
/// released after its last call.
///
/// ```
/// use gateway_middleware::WeakState;
/// use gateway_middleware::load::Load;
///
/// let load = Load::new();
/// let by_name = load.downgrade();
/// assert!(Load::upgrade(&by_name).is_some());
/// drop(load);
/// assert!(Load::upgrade(&by_name).is_none());
/// ```
pub trait WeakState: Clone {
    /// The form that keeps nothing alive.
    type Weak;

    /// What finds this state again while it is used.
    fn downgrade(&self) -> Self::Weak;

    /// The state, if it is still used.
    fn upgrade(weak: &Self::Weak) -> Option<Self>;
}

impl<T> WeakState for Arc<T> {
    type Weak = Weak<T>;

    fn downgrade(&self) -> Weak<T> {
        Self::downgrade(self)
    }

    fn upgrade(weak: &Weak<T>) -> Option<Self> {
        weak.upgrade()
    }
}
