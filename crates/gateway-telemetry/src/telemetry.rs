//! The sink of records, and what is made of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use gateway_provider::{Clock, Transport};
use gateway_store::{CallRecord, RecordSink};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use crate::collect::Samples;
use crate::config::TelemetryConfig;
use crate::series::Counts;
use crate::{line, otlp, prometheus};

/// Records that may wait. At ten looks a second enough for more calls than any machine serves.
const MOST_RECORDS: usize = 32 * 1024;
/// Records that are counted together, before others have their turn: a few dozen microseconds.
pub(crate) const AT_ONCE: usize = 16;
/// Bytes of the access log that may wait.
const MOST_LOG: usize = 4 * 1024 * 1024;
/// Spans that may wait.
const MOST_SPANS: usize = 8 * 1024;

/// Adds what is known now and not counted: gauges, and counters of others.
pub type Observe = Box<dyn Fn(&mut Samples) + Send + Sync>;

/// Takes records of calls and tells what is in them. Clones share everything.
///
/// [`record`](RecordSink::record) puts a record into a bounded queue and wakes whoever counts when there are enough; when
/// the queue is full the record is thrown away and counted. A [`Writer`](crate::Writer) takes records out in batches.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

struct Shared {
    sender: mpsc::Sender<CallRecord>,
    /// Enough records wait that it pays to count them.
    enough: Notify,
    shed: AtomicU64,
    state: Mutex<State>,
    config: ArcSwap<TelemetryConfig>,
    observers: Mutex<Vec<Observe>>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    /// When counting began.
    begun: SystemTime,
}

/// What only one at a time may touch; never on the way of a request.
struct State {
    receiver: mpsc::Receiver<CallRecord>,
    counts: Counts,
    /// Lines are made only when somebody writes them.
    logs: bool,
    log: Vec<u8>,
    moments: line::Moments,
    spans: Vec<Value>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl RecordSink for Telemetry {
    fn record(&self, record: CallRecord) {
        if self.0.sender.try_send(record).is_err() {
            self.0.shed.fetch_add(1, Ordering::Relaxed);
        }
        // Soon, while they are in the processor's caches; and rarely, as waking costs.
        if MOST_RECORDS - self.0.sender.capacity() == AT_ONCE {
            self.0.enough.notify_one();
        }
    }
}

impl Telemetry {
    /// Tells what `config` says; sends exports by `transport`.
    pub fn new(
        config: TelemetryConfig,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_RECORDS);
        let begun = clock.now();
        Self(Arc::new(Shared {
            sender,
            enough: Notify::new(),
            shed: AtomicU64::new(0),
            state: Mutex::new(State {
                receiver,
                counts: Counts::default(),
                logs: false,
                log: Vec::new(),
                moments: line::Moments::default(),
                spans: Vec::new(),
            }),
            config: ArcSwap::from_pointee(config),
            observers: Mutex::new(Vec::new()),
            transport,
            clock,
            begun,
        }))
    }

    /// Tells what `config` says from now on. What was counted stays.
    pub fn configure(&self, config: TelemetryConfig) {
        self.0.config.store(Arc::new(config));
    }

    /// Asks `observe` whenever metrics are told.
    pub fn observe(&self, observe: Observe) {
        let mut observers = self
            .0
            .observers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        observers.push(observe);
    }

    /// All metrics in Prometheus' text format, up to the last record; `None` where they are not to be rendered.
    ///
    /// With thousands of series this takes a fraction of a second: not for threads that serve.
    pub fn prometheus(&self) -> Option<String> {
        self.is_scraped()
            .then(|| prometheus::render(self.samples()))
    }

    /// Whether metrics are rendered for scrapers.
    pub fn is_scraped(&self) -> bool {
        self.0.config.load().prometheus
    }

    /// How many records were thrown away.
    pub fn shed(&self) -> u64 {
        self.0.shed.load(Ordering::Relaxed)
    }

    pub(crate) fn config(&self) -> Arc<TelemetryConfig> {
        self.0.config.load_full()
    }

    pub(crate) fn transport(&self) -> &Arc<dyn Transport> {
        &self.0.transport
    }

    /// From now on lines of the access log are made.
    pub(crate) fn begin_log(&self) {
        self.state().logs = true;
    }

    pub(crate) fn count_failed_export(&self, spans: u64) {
        let mut state = self.state();
        state.counts.exports_failed += 1;
        state.counts.spans_shed += spans;
    }

    /// Returns when there are records enough to be worth counting.
    pub(crate) async fn enough(&self) {
        self.0.enough.notified().await;
    }

    /// Takes every record out of the queue.
    pub(crate) fn drain(&self) {
        self.drain_into(&mut self.state(), MOST_RECORDS);
    }

    /// Takes at most `most` records out of the queue, unless somebody else does so now. True when there may be more.
    pub(crate) fn try_drain_some(&self, most: usize) -> bool {
        // Whoever renders metrics holds the lock for long. A thread that serves does not wait for it.
        match self.0.state.try_lock() {
            Ok(mut state) => self.drain_into(&mut state, most),
            Err(TryLockError::Poisoned(state)) => self.drain_into(&mut state.into_inner(), most),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    /// Takes at most `most` records out of the queue. True when there may be more.
    fn drain_into(&self, state: &mut State, most: usize) -> bool {
        let config = self.0.config.load();
        // Both clocks at the same moment: the wall clock may be set while the process runs.
        let (now, wall) = (Instant::now(), self.0.clock.now());
        for _ in 0..most {
            let Ok(record) = state.receiver.try_recv() else {
                return false;
            };
            let ago = now.saturating_duration_since(record.ended);
            let ended = wall.checked_sub(ago).unwrap_or(wall);
            state.take(&record, ended, &config);
        }
        true
    }

    /// How many bytes of lines wait; none while somebody else looks.
    pub(crate) fn waiting_log(&self) -> usize {
        self.0.state.try_lock().map_or(0, |state| state.log.len())
    }

    /// The lines that wait; more lines are made in `empty`.
    pub(crate) fn take_log(&self, empty: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.state().log, empty)
    }

    /// The spans that wait.
    pub(crate) fn take_spans(&self) -> Vec<Value> {
        std::mem::take(&mut self.state().spans)
    }

    /// Spans as a request body.
    pub(crate) fn traces(&self, spans: &[Value]) -> Value {
        otlp::traces(spans, &self.config().service)
    }

    /// How many spans wait; none while somebody else looks.
    pub(crate) fn waiting_spans(&self) -> usize {
        self.0.state.try_lock().map_or(0, |state| state.spans.len())
    }

    /// All metrics as a request body.
    pub(crate) fn metrics(&self) -> Value {
        let now = self.0.clock.now();
        otlp::metrics(self.samples(), &self.config().service, self.0.begun, now)
    }

    fn samples(&self) -> Samples {
        self.drain();
        let mut samples = Samples::default();
        self.state().counts.collect(self.shed(), &mut samples);
        let observers = self
            .0
            .observers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for observe in observers.iter() {
            observe(&mut samples);
        }
        samples
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, record: &CallRecord, ended: SystemTime, config: &TelemetryConfig) {
        self.counts.take(record, config.models.as_deref());
        if self.logs {
            if self.log.len() < MOST_LOG {
                let ended = self.moments.text(ended);
                line::write(record, ended, config.log, &mut self.log);
            } else {
                self.counts.lines_shed += 1;
            }
        }
        if config.otlp.is_some() {
            if self.spans.len() < MOST_SPANS {
                self.spans.extend(otlp::spans(record, ended));
            } else {
                self.counts.spans_shed += 1;
            }
        }
    }
}
