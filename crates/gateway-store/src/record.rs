//! One record per call, settled exactly once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_schema::chat::FinishReason;
use gateway_schema::{
    EndpointName, ErrorKind, Losses, ModelId, Operation, Origin, ProviderName, RequestId, Usage,
    Usd,
};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The answer went out whole.
    Completed,
    /// It failed; for a stream perhaps after part of the answer went out.
    Failed(ErrorKind, Origin),
    /// The caller left before the end.
    Cancelled,
}

impl Settlement {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(..) => "failed",
            Self::Cancelled => "client_cancelled",
        }
    }
}

/// One try, as the record keeps it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// The endpoint whose target was tried.
    pub endpoint: EndpointName,
    /// Its provider.
    pub provider: ProviderName,
    /// Its model.
    pub model: ModelId,
    /// The HTTP status, if the provider answered.
    pub status: Option<u16>,
    /// What failed, if it failed.
    pub error: Option<ErrorKind>,
    /// How long it took to answer or fail.
    pub duration: Duration,
}

impl AttemptRecord {
    /// A try at `model` of `provider`.
    pub fn new(
        endpoint: EndpointName,
        provider: ProviderName,
        model: ModelId,
        duration: Duration,
    ) -> Self {
        Self {
            endpoint,
            provider,
            model,
            status: None,
            error: None,
            duration,
        }
    }
}

/// Everything that is known of a call when it is over. Budgets, metrics, traces and evaluation read this and nothing
/// else.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CallRecord {
    /// The id of the request.
    pub request_id: RequestId,
    /// The endpoint or route the caller named.
    pub endpoint: EndpointName,
    /// The way in.
    pub surface: &'static str,
    /// What was asked.
    pub operation: Operation,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// Who called; `None` for an anonymous caller.
    pub principal: Option<Arc<str>>,
    /// On behalf of whom.
    pub user: Option<Arc<str>>,
    /// The provider that answered last.
    pub provider: Option<ProviderName>,
    /// The model it was asked for.
    pub model: Option<ModelId>,
    /// The model it says it used.
    pub response_model: Option<String>,
    /// The lane of the answer: `same` or `cross`.
    pub lane: Option<&'static str>,
    /// Every try, in order.
    pub attempts: Vec<AttemptRecord>,
    /// The variant of an A/B split.
    pub variant: Option<EndpointName>,
    /// How the cache took part.
    pub cache: Option<&'static str>,
    /// How it ended.
    pub settlement: Settlement,
    /// Why the answer ended.
    pub finish: Option<FinishReason>,
    /// What it consumed; estimated where the provider never said.
    pub usage: Usage,
    /// What it cost, if the model's price is known.
    pub cost: Option<Usd>,
    /// Fields that did not survive.
    pub losses: Losses,
    /// From arrival to the first meaningful event (streams).
    pub time_to_first_event: Option<Duration>,
    /// From arrival to the end.
    pub duration: Duration,
}

impl CallRecord {
    /// A record of a call that has just ended, to be completed.
    pub fn new(
        request_id: RequestId,
        endpoint: EndpointName,
        operation: Operation,
        settlement: Settlement,
        duration: Duration,
    ) -> Self {
        Self {
            request_id,
            endpoint,
            surface: "",
            operation,
            stream: false,
            principal: None,
            user: None,
            provider: None,
            model: None,
            response_model: None,
            lane: None,
            attempts: Vec::new(),
            variant: None,
            cache: None,
            settlement,
            finish: None,
            usage: Usage::default(),
            cost: None,
            losses: Losses::new(),
            time_to_first_event: None,
            duration,
        }
    }
}

/// Takes records. Called from drop guards: it must not block, do I/O or panic.
pub trait RecordSink: Send + Sync + 'static {
    /// Takes one record. A sink that is full counts what it sheds.
    fn record(&self, record: CallRecord);
}

impl<S: RecordSink + ?Sized> RecordSink for Arc<S> {
    fn record(&self, record: CallRecord) {
        (**self).record(record);
    }
}

/// Keeps the latest records in memory: for tests, and for embedders that look at them now and then.
#[derive(Debug)]
pub struct MemoryRecords {
    capacity: usize,
    records: Mutex<VecDeque<CallRecord>>,
}

impl MemoryRecords {
    /// Keeps the latest `capacity` records.
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            records: Mutex::new(VecDeque::new()),
        }
    }

    /// Takes all records out, oldest first.
    pub fn take(&self) -> Vec<CallRecord> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.drain(..).collect()
    }
}

impl RecordSink for MemoryRecords {
    fn record(&self, record: CallRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == self.capacity {
            records.pop_front();
        }
        if self.capacity > 0 {
            records.push_back(record);
        }
    }
}
