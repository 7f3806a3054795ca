//! The task that writes.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{BoxFuture, SendLimits, collect};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::telemetry::{AT_ONCE, Telemetry};

/// How often everything that waits is looked after, few records and lines too.
const TICK: Duration = Duration::from_millis(100);
/// Bytes of lines that are written without waiting for the rest of the queue.
const MANY_LINES: usize = 64 * 1024;
/// The largest buffer of lines that is kept for the next ones.
const KEPT_LINES: usize = 2 * MANY_LINES;
/// How often spans are sent, unless there are many before.
const TRACES: Duration = Duration::from_secs(2);
/// As many spans are sent at once.
const MANY_SPANS: usize = 1_000;
/// How often metrics are sent.
const METRICS: Duration = Duration::from_secs(15);
/// How long an export may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last exports and lines may take when the process stops.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// The largest answer of a collector that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Where the lines of the access log go.
pub type Output = Box<dyn Write + Send>;

/// Takes records out in batches, counts them, writes the access log, sends exports. Runs as one task of its own; what
/// may block (the log) runs on a thread for that.
pub struct Writer {
    telemetry: Telemetry,
    output: Option<Output>,
    /// A write under way, which gives the output and the buffer back.
    writing: Option<JoinHandle<(Output, Vec<u8>)>>,
    /// A buffer for lines to come.
    spare: Vec<u8>,
    export: Option<Export>,
    next_traces: Instant,
    next_metrics: Instant,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// An export under way.
type Export = BoxFuture<'static, Result<(), Failed>>;

/// An export that the collector did not take.
struct Failed {
    why: String,
    spans: u64,
}

impl Writer {
    /// Writes the access log to `output`; without one there is none.
    pub fn new(telemetry: Telemetry, output: Option<Output>) -> Self {
        if output.is_some() {
            telemetry.begin_log();
        }
        let now = Instant::now();
        Self {
            telemetry,
            output,
            writing: None,
            spare: Vec::new(),
            export: None,
            next_traces: now + TRACES,
            next_metrics: now + METRICS,
        }
    }

    /// Works until `stop`, and then until everything that waits is out, a few seconds at most.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let telemetry = self.telemetry.clone();
        loop {
            tokio::select! {
                () = &mut stop => break,
                outcome = pending(&mut self.export) => self.exported(outcome),
                () = telemetry.enough() => self.count().await,
                _ = ticks.tick() => self.work().await,
            }
        }
        let finished = tokio::time::timeout(LAST_PATIENCE, self.finish()).await;
        if finished.is_err() {
            tracing::warn!("telemetry: stopped before the last lines and exports had left");
        }
    }

    /// One look at what waits.
    async fn work(&mut self) {
        self.count().await;
        self.write_if_free().await;
        self.start_export();
    }

    /// Counts the records that wait, and writes when there are many lines.
    async fn count(&mut self) {
        while self.telemetry.try_drain_some(AT_ONCE) {
            if self.telemetry.waiting_log() >= MANY_LINES {
                self.write_if_free().await;
            }
            // A long queue must not hold up the calls of this moment.
            tokio::task::yield_now().await;
        }
    }

    /// Starts to write, unless a write is under way.
    async fn write_if_free(&mut self) {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.written().await;
        }
        self.write();
    }

    async fn finish(&mut self) {
        self.telemetry.drain();
        self.written().await;
        self.write();
        self.written().await;
        if let Some(export) = self.export.take() {
            let outcome = export.await;
            self.exported(outcome);
        }
        if self.telemetry.config().otlp.is_none() {
            return;
        }
        if let Some(export) = self.traces() {
            let outcome = export.await;
            self.exported(outcome);
        }
        let outcome = self.metrics().await;
        self.exported(outcome);
    }

    /// Waits for the write under way.
    async fn written(&mut self) {
        let Some(writing) = self.writing.take() else {
            return;
        };
        if let Ok((output, mut lines)) = writing.await {
            self.output = Some(output);
            lines.clear();
            lines.shrink_to(KEPT_LINES);
            self.spare = lines;
        }
    }

    /// Starts to write the lines that wait, unless a write is under way.
    fn write(&mut self) {
        let Some(mut output) = self.output.take() else {
            return;
        };
        if self.telemetry.waiting_log() == 0 {
            self.output = Some(output);
            return;
        }
        let lines = self.telemetry.take_log(std::mem::take(&mut self.spare));
        self.writing = Some(tokio::task::spawn_blocking(move || {
            // A log that cannot be written is nobody's error to be told there.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
            (output, lines)
        }));
    }

    /// Starts the export that is due, unless one is under way.
    fn start_export(&mut self) {
        if self.export.is_some() || self.telemetry.config().otlp.is_none() {
            return;
        }
        let now = Instant::now();
        if now >= self.next_traces || self.telemetry.waiting_spans() >= MANY_SPANS {
            self.next_traces = now + TRACES;
            self.export = self.traces();
            if self.export.is_some() {
                return;
            }
        }
        if now >= self.next_metrics {
            self.next_metrics = now + METRICS;
            self.export = Some(self.metrics());
        }
    }

    /// Sends the spans that wait, if there are any.
    fn traces(&self) -> Option<Export> {
        let spans = self.telemetry.take_spans();
        let count = spans.len() as u64;
        let telemetry = self.telemetry.clone();
        let body = move || telemetry.traces(&spans).to_string();
        (count > 0).then(|| self.send("/v1/traces", body, count))
    }

    /// Sends all metrics.
    fn metrics(&self) -> Export {
        let telemetry = self.telemetry.clone();
        self.send("/v1/metrics", move || telemetry.metrics().to_string(), 0)
    }

    /// Sends what `body` makes on a thread that does not serve.
    fn send(
        &self,
        path: &str,
        body: impl FnOnce() -> String + Send + 'static,
        spans: u64,
    ) -> Export {
        let config = self.telemetry.config();
        let transport = std::sync::Arc::clone(self.telemetry.transport());
        let path = path.to_owned();
        Box::pin(async move {
            let failed = |why: String| Failed { why, spans };
            let Some(otlp) = &config.otlp else {
                return Ok(());
            };
            let body = tokio::task::spawn_blocking(body)
                .await
                .map_err(|error| failed(error.to_string()))?;
            let url = format!("{}{path}", otlp.endpoint.trim_end_matches('/'));
            let mut request = http::Request::post(url)
                .header("content-type", "application/json")
                .body(Bytes::from(body))
                .map_err(|error| failed(error.to_string()))?;
            for (name, value) in &otlp.headers {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            let exchange = async {
                let sent = transport.send(request, SendLimits::default()).await;
                let (head, body) = sent.map_err(|error| error.to_string())?.into_parts();
                // Read to its end, so that the connection can be used again.
                let _ = collect(body, MAX_ANSWER).await;
                if head.status.is_success() {
                    Ok(())
                } else {
                    Err(format!("the collector answered {}", head.status))
                }
            };
            tokio::time::timeout(PATIENCE, exchange)
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
                .map_err(failed)
        })
    }

    fn exported(&mut self, outcome: Result<(), Failed>) {
        self.export = None;
        if let Err(failed) = outcome {
            self.telemetry.count_failed_export(failed.spans);
            tracing::warn!(target: "gateway::telemetry", why = failed.why, "an export failed");
        }
    }
}

/// The export under way; for ever, if there is none.
async fn pending(export: &mut Option<Export>) -> Result<(), Failed> {
    match export {
        Some(export) => export.await,
        None => std::future::pending().await,
    }
}
