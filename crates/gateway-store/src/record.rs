//! One record per call, settled exactly once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gateway_schema::chat::FinishReason;
use gateway_schema::{
    Dialect, EndpointName, ErrorKind, Losses, ModelId, Operation, Origin, ProviderName, RequestId,
    Usage, Usd,
};
use serde_json::{Map, Value};

/// No metadata, for whoever has none: made once.
static NO_METADATA: LazyLock<Arc<Map<String, Value>>> = LazyLock::new(Arc::default);

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
    /// Who failed, if it failed.
    pub origin: Option<Origin>,
    /// From the arrival of the request to the start of the try.
    pub since: Duration,
    /// Its span in the call's trace; 0 without one.
    pub span: u64,
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
            origin: None,
            since: Duration::ZERO,
            span: 0,
            duration,
        }
    }
}

/// The place of a call in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceRecord {
    /// The whole trace.
    pub id: u128,
    /// The caller's span, if the caller began the trace.
    pub parent: Option<u64>,
    /// The call's own span.
    pub span: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Why a call failed, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailureRecord {
    /// The short machine-readable name.
    pub code: Option<String>,
    /// What the caller was told.
    pub message: String,
    /// What only the log may show.
    pub detail: Option<String>,
}

/// What was said. Kept only where the configuration asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentRecord {
    /// The body of the request, cut to a bound.
    pub request: Vec<u8>,
    /// The answer: its body, or the pieces of its stream as they came, cut to a bound.
    pub response: Vec<u8>,
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
    /// Facts about the caller.
    pub metadata: Arc<Map<String, Value>>,
    /// From where.
    pub peer: Option<IpAddr>,
    /// What the caller speaks; `None` for an embedder.
    pub client_dialect: Option<Dialect>,
    /// What the provider that answered speaks.
    pub provider_dialect: Option<Dialect>,
    /// The provider that answered last.
    pub provider: Option<ProviderName>,
    /// The model it was asked for.
    pub model: Option<ModelId>,
    /// The model it says it used.
    pub response_model: Option<String>,
    /// The id it gave the answer.
    pub response_id: Option<String>,
    /// The lane of the answer: `same` or `cross`.
    pub lane: Option<&'static str>,
    /// Every try, in order.
    pub attempts: Vec<AttemptRecord>,
    /// The destination of a route that was chosen, as the variant of an A/B split.
    pub variant: Option<EndpointName>,
    /// Why it was chosen: `traffic_split`, `sticky`, `rules[0]`, ...
    pub variant_reason: Option<Arc<str>>,
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
    /// What it would have cost without the cache.
    pub cost_saved: Option<Usd>,
    /// Which prices were used: a version of the catalog, or `configured`.
    pub price_version: Option<&'static str>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer as the provider sent them, where they were passed on.
    pub response_bytes: u64,
    /// Why it failed.
    pub failure: Option<Box<FailureRecord>>,
    /// Its place in a trace.
    pub trace: Option<TraceRecord>,
    /// What was said, if that is kept.
    pub content: Option<Box<ContentRecord>>,
    /// The gateway's own part of the time: to the first event for a stream, to the end otherwise, without the time
    /// that providers took and without the time the caller took to send its request.
    pub overhead: Option<Duration>,
    /// Fields that did not survive.
    pub losses: Losses,
    /// From arrival to the first meaningful event (streams).
    pub time_to_first_event: Option<Duration>,
    /// From arrival to the end.
    pub duration: Duration,
    /// When it ended.
    pub ended: Instant,
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
            metadata: Arc::clone(&NO_METADATA),
            peer: None,
            client_dialect: None,
            provider_dialect: None,
            provider: None,
            model: None,
            response_model: None,
            response_id: None,
            lane: None,
            attempts: Vec::new(),
            variant: None,
            variant_reason: None,
            cache: None,
            settlement,
            finish: None,
            usage: Usage::default(),
            cost: None,
            cost_saved: None,
            price_version: None,
            request_bytes: 0,
            response_bytes: 0,
            failure: None,
            trace: None,
            content: None,
            overhead: None,
            losses: Losses::new(),
            time_to_first_event: None,
            duration,
            ended: Instant::now(),
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
