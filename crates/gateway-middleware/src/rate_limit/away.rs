use std::sync::atomic::{AtomicU64, Ordering};

use super::policy::OnStoreError;

/// How many calls met a store that was away, by what became of them.
#[derive(Debug, Default)]
pub struct StoreErrors {
    allowed: AtomicU64,
    rejected: AtomicU64,
}

impl StoreErrors {
    pub(super) fn count(&self, policy: OnStoreError) {
        let count = match policy {
            OnStoreError::Allow => &self.allowed,
            OnStoreError::Reject => &self.rejected,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers, by the policy's word.
    pub fn read(&self) -> [(&'static str, u64); 2] {
        [
            ("allow", self.allowed.load(Ordering::Relaxed)),
            ("reject", self.rejected.load(Ordering::Relaxed)),
        ]
    }
}
