//! The log on stderr.

use gateway_core::config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::environment::variable;

/// What is logged unless `GATEWAY_LOG` or `RUST_LOG` says otherwise.
const USUAL: &str = "info";

/// Starts logging. Returns what is wrong with the filter of the environment, if anything.
pub(crate) fn start(format: LogFormat) -> Option<String> {
    let wanted = variable("GATEWAY_LOG").or_else(|| variable("RUST_LOG"));
    let (filter, complaint) = match wanted.as_deref().map(EnvFilter::try_new) {
        None => (EnvFilter::new(USUAL), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (
            EnvFilter::new(USUAL),
            Some(format!(
                "the log filter of the environment is not readable: {error}"
            )),
        ),
    };
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first log.
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.with_ansi(false).try_init(),
    };
    complaint
}
