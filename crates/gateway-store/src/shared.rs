//! Stores that several processes share, and how it is with them.

use std::fmt;
use std::sync::Arc;

use crate::cache::RemoteCache;
use crate::rate::RateStore;

/// What one shared server keeps.
#[derive(Clone)]
pub struct SharedStores {
    /// Rates.
    pub rates: Arc<dyn RateStore>,
    /// Answers: the far level of every cache.
    pub cache: Arc<dyn RemoteCache>,
    /// How it is with the server.
    pub link: Arc<dyn StoreLink>,
}

impl fmt::Debug for SharedStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStores")
            .field("link", &self.link.name())
            .finish_non_exhaustive()
    }
}

/// How it is with a shared server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinkStatus {
    /// It answers.
    pub connected: bool,
    /// Why it does not, if it does not. For the log and for those who may ask everything.
    pub why: Option<String>,
    /// How often what was asked of it failed, since the process began: by what was asked.
    pub failures: Vec<(&'static str, u64)>,
}

impl LinkStatus {
    /// A server that answers, or does not for this reason.
    pub const fn new(connected: bool, why: Option<String>) -> Self {
        Self {
            connected,
            why,
            failures: Vec::new(),
        }
    }

    /// States how often what was asked of it failed.
    pub fn with_failures(mut self, failures: Vec<(&'static str, u64)>) -> Self {
        self.failures = failures;
        self
    }
}

/// Tells how it is with a shared server.
pub trait StoreLink: Send + Sync + 'static {
    /// What it is, for metrics: `redis`.
    fn name(&self) -> &'static str;

    /// How it is now.
    fn status(&self) -> LinkStatus;
}
