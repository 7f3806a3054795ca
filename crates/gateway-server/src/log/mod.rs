//! The log on stderr.
//!
//! Whatever is logged, by the program or about a call, goes into one bounded queue; a thread of its own writes it. So
//! nothing that serves waits for the log or fails because of it: not when its reader stalls, its disk is full, its pipe
//! is closed or its file has reached the limit of sizes. What is dropped meanwhile is counted.

mod layer;
mod queue;
mod writer;

use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gateway_core::config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use queue::{Lines, Log, Queue};

use crate::Failure;
use crate::environment::variable;

/// What is logged unless `GATEWAY_LOG` or `RUST_LOG` says otherwise.
const USUAL: &str = "info";
/// How long the end of the process waits for lines that are not written yet.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The queue of this process, once logging has started.
static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Starts logging. A filter of the environment that cannot be read is reported in the log.
pub(crate) fn start(format: LogFormat) -> Result<Arc<Queue>, Failure> {
    let wanted = variable("GATEWAY_LOG").or_else(|| variable("RUST_LOG"));
    let (filter, complaint) = match wanted.as_deref().map(EnvFilter::try_new) {
        None => (EnvFilter::new(USUAL), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(USUAL), Some(error)),
    };
    let queue = Arc::new(Queue::default());
    let (lines, out) = (Arc::clone(&queue), stderr());
    std::thread::Builder::new()
        .name("gateway-log".to_owned())
        .spawn(move || writer::run(&lines, out))
        .map_err(|error| Failure::Broken(format!("The threads cannot be started: {error}")))?;
    let lines = layer::Lines {
        queue: Arc::clone(&queue),
        format,
    };
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    let _ = QUEUE.set(Arc::clone(&queue));
    std::panic::set_hook(Box::new(report));
    if let Some(error) = complaint {
        tracing::warn!(target: "gateway::log", "the log filter of the environment is not readable: {error}");
    }
    Ok(queue)
}

/// Adds a text that is no event, if logging has started.
pub(crate) fn text(text: &str) -> bool {
    let Some(queue) = QUEUE.get() else {
        return false;
    };
    queue.push(Log::Program, format!("{}\n", text.trim_end()).as_bytes());
    true
}

/// Waits a moment for lines that are not written yet: the process ends.
pub(crate) fn finish() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LAST_LINES);
    }
}

/// Logs a panic. The standard library's way would write to stderr on the thread that panicked, and wait for its reader.
fn report(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    // Made only where RUST_BACKTRACE asks for it.
    let trace = std::backtrace::Backtrace::capture();
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
        _ => String::new(),
    };
    tracing::error!(target: "gateway::panic", place, "panicked: {message}{trace}");
}

/// Stderr without the lock that everybody else who writes there would wait for.
#[cfg(unix)]
fn stderr() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd;

    match std::io::stderr().as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(std::fs::File::from(own)),
        Err(_) => Box::new(std::io::stderr()),
    }
}

#[cfg(not(unix))]
fn stderr() -> Box<dyn Write + Send> {
    Box::new(std::io::stderr())
}
