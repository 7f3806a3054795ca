//! A configuration that changes while it runs.
//!
//! Files are looked at by content, twice a second, so that every way to change one is seen: writing in place, renaming
//! over it, swapping a symlink above it (as mounted config maps do). The files that the configuration refers to for
//! credentials are watched too. SIGHUP reads everything at once, changed or not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gateway_core::config::{LogFormat, Strictness};
use gateway_core::{Gateway, Registry};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::configuration::{Configuration, parse};
use crate::environment::Fingerprint;
use crate::gateway::lines;
use crate::open::Reach;
use crate::shutdown::Hangups;

/// How often files are looked at. A change must be visible within 3 seconds.
const INTERVAL: Duration = Duration::from_millis(500);
/// A file that is being written is read again after this; it counts once two readings agree.
const SETTLE: Duration = Duration::from_millis(50);

/// What files held when they were last read. `None`: not readable.
pub(crate) type Contents = BTreeMap<PathBuf, Option<Fingerprint>>;

/// What `configuration`, made from the `text` at `path`, depends on.
pub(crate) fn contents(path: PathBuf, text: &[u8], configuration: &Configuration) -> Contents {
    let files = configuration.files.iter();
    let mut contents: Contents = files
        .map(|(path, content)| (path.clone(), Some(*content)))
        .collect();
    contents.insert(path, Some(Fingerprint::of(text)));
    contents
}

/// Everything a change leads to.
pub(crate) struct Watch {
    pub(crate) path: PathBuf,
    pub(crate) gateway: Gateway,
    pub(crate) registry: Registry,
    pub(crate) reach: Reach,
    /// The form of the log that the command line demands, whatever a new configuration says.
    pub(crate) log_format: Option<LogFormat>,
    /// What was read at the start.
    pub(crate) contents: Contents,
}

impl Watch {
    /// Watches until `stop`.
    pub(crate) async fn run(mut self, mut hangups: Hangups, stop: CancellationToken) {
        loop {
            let forced = tokio::select! {
                () = stop.cancelled() => return,
                () = hangups.next() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            let paths: Vec<PathBuf> = self.contents.keys().cloned().collect();
            let mut seen = read(paths.clone()).await;
            if seen == self.contents && !forced {
                continue;
            }
            loop {
                tokio::time::sleep(SETTLE).await;
                let again = read(paths.clone()).await;
                if again == seen {
                    break;
                }
                seen = again;
            }
            self.reload(seen);
        }
    }

    fn reload(&mut self, seen: Contents) {
        let name = self.path.display().to_string();
        let read = std::fs::read(&self.path).ok();
        match self.take(&name, read.as_deref()) {
            Ok(configuration) => {
                if !configuration.loaded.warnings.is_empty() {
                    tracing::warn!(target: "gateway::config", "{}", configuration.loaded.warnings);
                }
                let text = read.unwrap_or_default();
                self.contents = contents(self.path.clone(), &text, &configuration);
                let plan = &configuration.loaded.plan;
                tracing::info!(
                    target: "gateway::config",
                    file = name,
                    endpoints = plan.endpoints.len(),
                    routes = plan.routes.len(),
                    "the new configuration is in use"
                );
            }
            Err(failure) => {
                self.contents = seen;
                let content = read.as_deref().map(Fingerprint::of);
                self.contents.insert(self.path.clone(), content);
                let why = failure.to_string();
                self.gateway.refuse(why.trim_end());
                tracing::error!(
                    target: "gateway::config",
                    file = name,
                    "the new configuration is refused, the one before it stays in use:\n{}",
                    why.trim_end()
                );
            }
        }
    }

    /// Puts the present content of the file to use.
    fn take(&self, name: &str, content: Option<&[u8]>) -> Result<Configuration, Failure> {
        let refused = |why: &str| Failure::Refused(format!("{name}{why}"));
        let bytes = content.ok_or_else(|| refused(" cannot be read"))?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            refused(&format!(": the file is not text in UTF-8 (byte {at})"))
        })?;
        let mut configuration = parse(name, text, &self.registry, Strictness::Lenient)?;
        if let Some(format) = self.log_format {
            configuration.loaded.plan.telemetry.log.format = format;
        }
        self.reach.check(&configuration.loaded.plan)?;
        self.gateway
            .apply(&configuration.loaded.plan)
            .map_err(|errors| Failure::Refused(lines(&errors)))?;
        Ok(configuration)
    }
}

/// Reads off the threads that serve: a network file system may take its time.
async fn read(paths: Vec<PathBuf>) -> Contents {
    let reading = tokio::task::spawn_blocking(move || {
        let content = |path: &PathBuf| std::fs::read(path).ok().as_deref().map(Fingerprint::of);
        paths
            .into_iter()
            .map(|path| (path.clone(), content(&path)))
            .collect()
    });
    reading.await.unwrap_or_default()
}
