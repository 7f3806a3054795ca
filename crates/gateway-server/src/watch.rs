//! A configuration that changes while it runs.
//!
//! Files are looked at by content, twice a second, so that every way to change one is seen: writing in place, renaming
//! over it, swapping a symlink above it (as mounted config maps do). The files that the configuration refers to for
//! credentials are watched too. SIGHUP reads everything at once, changed or not.
//!
//! Reading, checking and building happen on threads that do not serve. A file system that does not answer delays the
//! next look, and is reported; it never ends the watching.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::config::{LogFormat, Strictness};
use gateway_core::{Gateway, Registry};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::configuration::{Configuration, parse, text_of};
use crate::environment::Fingerprint;
use crate::files::{self, LARGEST_CONFIGURATION};
use crate::gateway::lines;
use crate::open::Reach;
use crate::shutdown::Hangups;

/// How often files are looked at. A change must be visible within 3 seconds.
const INTERVAL: Duration = Duration::from_millis(500);
/// A file that is being written is read again after this; it counts once two readings agree.
const SETTLE: Duration = Duration::from_millis(50);
/// How often a file may differ from the reading before, until it is taken as it is.
const MOST_READINGS: usize = 40;
/// Reading takes longer than this only where a file system does not answer.
const SLOW: Duration = Duration::from_secs(5);

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

/// Looks at files, and reloads when they change.
pub(crate) struct Watch {
    reload: Reload,
    /// What was read last.
    contents: Contents,
    hangups: Hangups,
    /// A reading under way that took too long.
    reading: Option<JoinHandle<Contents>>,
}

impl Watch {
    /// Watches what was read at the start.
    pub(crate) const fn new(reload: Reload, contents: Contents, hangups: Hangups) -> Self {
        Self {
            reload,
            contents,
            hangups,
            reading: None,
        }
    }

    /// Makes futures that watch until `stop`. What one knew when it panicked is known to the next.
    pub(crate) fn restartable(
        self,
        stop: CancellationToken,
    ) -> impl FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send {
        let watch = Arc::new(Mutex::new(self));
        move || {
            let (watch, stop) = (Arc::clone(&watch), stop.clone());
            Box::pin(async move { watch.lock().await.run(stop).await })
        }
    }

    async fn run(&mut self, stop: CancellationToken) {
        let mut forced = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hangups.next() => forced = true,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                is_done = self.look(forced) => forced &= !is_done,
            }
        }
    }

    /// Looks once, and reloads if something changed or `forced`. False when the files could not be looked at.
    async fn look(&mut self, forced: bool) -> bool {
        let Some(mut seen) = self.read().await else {
            return false;
        };
        if seen == self.contents && !forced {
            return true;
        }
        for _ in 0..MOST_READINGS {
            tokio::time::sleep(SETTLE).await;
            let Some(again) = self.read().await else {
                return false;
            };
            if again == seen {
                break;
            }
            seen = again;
        }
        let reload = self.reload.clone();
        if let Ok(contents) = spawn_blocking(move || reload.run(seen)).await {
            self.contents = contents;
        } else {
            // Logged where it happened. The same files would do it again, so they count as seen.
            self.reload.gateway.refuse("reading it panicked");
            if let Some(contents) = self.read().await {
                self.contents = contents;
            }
        }
        true
    }

    /// What the files hold now; `None` when they cannot be read at present, which is reported once.
    async fn read(&mut self) -> Option<Contents> {
        let is_late = self.reading.is_some();
        let mut reading = self.reading.take().unwrap_or_else(|| {
            let paths: Vec<PathBuf> = self.contents.keys().cloned().collect();
            spawn_blocking(move || read(paths))
        });
        let Ok(contents) = tokio::time::timeout(SLOW, &mut reading).await else {
            // Another reading would only take another thread.
            self.reading = Some(reading);
            if !is_late {
                tracing::warn!(
                    target: "gateway::config",
                    file = %self.reload.path.display(),
                    "the files of the configuration cannot be read at present: the file system does not answer"
                );
            }
            return None;
        };
        contents.ok()
    }
}

/// Everything a change leads to.
#[derive(Clone)]
pub(crate) struct Reload {
    pub(crate) path: PathBuf,
    pub(crate) gateway: Gateway,
    pub(crate) registry: Registry,
    pub(crate) reach: Reach,
    /// The form of the log that the command line demands, whatever a new configuration says.
    pub(crate) log_format: Option<LogFormat>,
}

impl Reload {
    /// Puts the present content of the file to use, or reports why it cannot be used. Returns what to compare the next
    /// look with. Takes a second or more with many endpoints: not for a thread that serves.
    fn run(self, seen: Contents) -> Contents {
        let name = self.path.display().to_string();
        let text = text_of(&self.path);
        let read = text
            .as_ref()
            .ok()
            .map(|text| Fingerprint::of(text.as_bytes()));
        let outcome = text.and_then(|text| {
            let configuration = self.take(&name, &text)?;
            Ok(contents(self.path.clone(), text.as_bytes(), &configuration))
        });
        outcome.unwrap_or_else(|failure| {
            let why = failure.to_string();
            self.gateway.refuse(why.trim_end());
            tracing::error!(
                target: "gateway::config",
                file = name,
                "the new configuration is refused, the one before it stays in use:\n{}",
                why.trim_end()
            );
            let mut contents = seen;
            // A text that is not readable as one is compared as bytes.
            if read.is_some() {
                contents.insert(self.path.clone(), read);
            }
            contents
        })
    }

    fn take(&self, name: &str, text: &str) -> Result<Configuration, Failure> {
        let mut configuration = parse(name, text, &self.registry, Strictness::Lenient)?;
        if let Some(format) = self.log_format {
            configuration.loaded.plan.telemetry.log.format = format;
        }
        let plan = &configuration.loaded.plan;
        self.reach.check(plan)?;
        self.gateway
            .apply(plan)
            .map_err(|errors| Failure::Refused(lines(&errors)))?;
        if !configuration.loaded.warnings.is_empty() {
            tracing::warn!(target: "gateway::config", "{}", configuration.loaded.warnings);
        }
        tracing::info!(
            target: "gateway::config",
            file = name,
            endpoints = plan.endpoints.len(),
            routes = plan.routes.len(),
            "the new configuration is in use"
        );
        Ok(configuration)
    }
}

fn read(paths: Vec<PathBuf>) -> Contents {
    let content = |path: &PathBuf| {
        let read = files::read(path, LARGEST_CONFIGURATION).ok();
        read.as_deref().map(Fingerprint::of)
    };
    paths
        .into_iter()
        .map(|path| {
            let content = content(&path);
            (path, content)
        })
        .collect()
}
