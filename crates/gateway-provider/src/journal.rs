//! What happened to a call so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_schema::{Dialect, EndpointName, ErrorKind, Losses, ModelId, Origin, ProviderName};

/// Which way a reply took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The same dialect on both sides: bytes are forwarded.
    Same,
    /// Through the canonical form.
    Cross,
}

impl Lane {
    /// The name in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Cross => "cross",
        }
    }
}

/// One try at a target.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The endpoint whose target was tried.
    pub endpoint: EndpointName,
    /// Its provider.
    pub provider: ProviderName,
    /// Its model.
    pub model: ModelId,
    /// The provider's dialect.
    pub dialect: Dialect,
    /// The lane, once it was chosen.
    pub lane: Option<Lane>,
    /// The HTTP status, if the provider answered.
    pub status: Option<u16>,
    /// What failed and who failed; `None` when it answered well, up to the commit point.
    pub error: Option<(ErrorKind, Origin)>,
    /// From the start of the attempt to its answer or failure (for streams: to the commit point).
    pub duration: Duration,
}

impl Attempt {
    /// An attempt that has just begun.
    pub fn new(
        endpoint: EndpointName,
        provider: ProviderName,
        model: ModelId,
        dialect: Dialect,
    ) -> Self {
        Self {
            endpoint,
            provider,
            model,
            dialect,
            lane: None,
            status: None,
            error: None,
            duration: Duration::ZERO,
        }
    }
}

/// What a journal holds.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Notes {
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// Every field that did not survive, of the attempt that answered.
    pub losses: Losses,
    /// The variant of an A/B split that was drawn.
    pub variant: Option<EndpointName>,
    /// How the cache took part: `hit`, `miss`, `shared`, ...
    pub cache: Option<&'static str>,
}

/// What happened to a call so far. Clones share one journal; locks are short and never held across an await.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Notes>>);

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// The notes, to read or to write. Do not hold the guard longer than a few statements.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
