//! `start`.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::Registry;
use gateway_core::config::{LogFormat, Strictness};
use gateway_telemetry::{Telemetry, Writer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{self, StartOptions};
use crate::configuration::{Configuration, parse, path, text_of};
use crate::gateway::{Assembled, assemble};
use crate::listen::{Listener, Tls, TlsFiles};
use crate::log::{Lines, Log, Queue};
use crate::open::Reach;
use crate::providers::providers;
use crate::store::{Governed, Location};
use crate::supervise::{Supervisor, restarting};
use crate::watch::{Reload, Watch, contents};
use crate::{Failure, banner, demo, log, output, runtime, shutdown};

/// How long connections to providers may take to close, after everything else.
const UPSTREAM_CLOSING: Duration = Duration::from_millis(500);

/// What was read before anything is started.
struct Read {
    /// The store of definitions, if there is one.
    place: Option<Location>,
    path: Option<PathBuf>,
    name: String,
    text: String,
    configuration: Configuration,
}

/// Serves until told to stop.
pub(crate) fn start(options: &StartOptions) -> Result<(), Failure> {
    let registry = providers();
    let mut read = read(options, &registry)?;
    let wanted = options.log_format.map(|format| match format {
        cli::LogFormat::Json => LogFormat::Json,
        cli::LogFormat::Text => LogFormat::Text,
    });
    let plan = &mut read.configuration.loaded.plan;
    plan.telemetry.log.format = wanted.unwrap_or(plan.telemetry.log.format);
    let format = plan.telemetry.log.format;
    let queue = log::start(format)?;
    if !read.configuration.loaded.warnings.is_empty() {
        tracing::warn!(target: "gateway::config", "{}", read.configuration.loaded.warnings);
    }
    let plan = &read.configuration.loaded.plan;
    let assembled = assemble(
        plan,
        registry.clone(),
        &options.origin_override,
        Some(&queue),
    )?;
    let runtime = runtime::build(options.workers)?;
    let serving = serve(options, registry, read, assembled, queue);
    // Logged where it happened; the log needs a moment to be written.
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(serving)))
        .unwrap_or_else(|_| Err(Failure::Broken("The listener panicked.".to_owned())));
    // What is still running was given its time.
    runtime.shutdown_background();
    log::finish();
    outcome
}

fn read(options: &StartOptions, registry: &Registry) -> Result<Read, Failure> {
    let place = Location::of_start(options)?;
    let path = match &place {
        Some(_) => None,
        None => path(options.config_path.as_ref()),
    };
    let (name, text) = match (&place, &path) {
        (Some(place), _) => (place.to_string(), "endpoints: []\n".to_owned()),
        (None, Some(path)) => (path.display().to_string(), text_of(path)?),
        (None, None) => (demo::NAME.to_owned(), demo::CONFIGURATION.to_owned()),
    };
    let configuration = parse(&name, &text, registry, Strictness::Lenient)?;
    Ok(Read {
        place,
        path,
        name,
        text,
        configuration,
    })
}

async fn bind(options: &StartOptions) -> Result<(TcpListener, SocketAddr), Failure> {
    let (host, port) = (options.host.as_str(), options.port);
    let bound = TcpListener::bind((host, port)).await;
    let bound = bound.and_then(|socket| {
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    bound.map_err(|error| Failure::Broken(format!("Cannot listen at {host}:{port}: {error}")))
}

/// The certificate, if connections are encrypted.
fn tls(options: &StartOptions) -> Result<Option<Arc<Tls>>, Failure> {
    let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) else {
        return Ok(None);
    };
    let files = TlsFiles {
        cert: cert.clone(),
        key: key.clone(),
    };
    Ok(Some(Arc::new(Tls::new(files)?)))
}

/// Serves a certificate that was replaced.
fn watch_certificate(tls: Option<&Arc<Tls>>, tasks: &TaskTracker, stop: &CancellationToken) {
    if let Some(tls) = tls {
        let (tls, stop) = (Arc::clone(tls), stop.clone());
        restarting(tasks, "certificate", move || {
            Arc::clone(&tls).watch(stop.clone())
        });
    }
}

/// Serves until `stop`, and lets go of everything in good order.
async fn serve(
    options: &StartOptions,
    registry: Registry,
    read: Read,
    assembled: Assembled,
    log: Arc<Queue>,
) -> Result<(), Failure> {
    let Assembled {
        gateway,
        transport,
        telemetry,
        mut workers,
    } = assembled;
    let plan = &read.configuration.loaded.plan;
    let tls = tls(options)?;
    let (socket, address) = bind(options).await?;
    let reach = Reach {
        address: address.ip(),
        allowed: options.allow_unauthenticated,
    };
    reach.check(plan)?;

    let (stop, now) = (CancellationToken::new(), CancellationToken::new());
    let tasks = TaskTracker::new();
    let supervisor = Supervisor::new(stop.clone());
    // Until the last call is over, which is after `stop`.
    let over = CancellationToken::new();
    let writing = restarting(&tasks, "telemetry", {
        let over = over.clone();
        move || writer(&telemetry, &log).run(over.clone().cancelled_owned())
    });
    // Stores are given back what was leased after the last call is over.
    let stores = TaskTracker::new();
    let shared = workers.begin(&gateway, &supervisor, &stores, &over).await;
    let work = workers.run(supervisor.clone(), stores.clone(), over.clone());
    supervisor.essential(&tasks, "stores", work);
    let signals = shutdown::watch(stop.clone(), now.clone());
    supervisor.essential(&tasks, "signals", signals);
    watch_certificate(tls.as_ref(), &tasks, &stop);
    let governed = read.place.as_ref().map(|place| Governed {
        place,
        registry: &registry,
        gateway: &gateway,
        reach,
    });
    let management = match governed {
        Some(governed) => Some(governed.begin(&tasks, stop.clone()).await?),
        None => None,
    };
    // Before anything is printed: whoever reads it may send a signal at once.
    let hangups = shutdown::Hangups::new();
    let base = banner::base_url(tls.is_some(), address);
    output::say_later(banner::text(&base, &read.name, plan, &shared));
    let listener = Listener {
        socket,
        tls,
        gateway: gateway.clone(),
        management,
    };
    if let Some(path) = read.path {
        let contents = contents(path.clone(), read.text.as_bytes(), &read.configuration);
        let reload = Reload {
            path,
            gateway,
            registry,
            reach,
            log_format: options.log_format.map(|_| plan.telemetry.log.format),
        };
        let watch = Watch::new(reload, contents, hangups).restartable(stop.clone());
        restarting(&tasks, "configuration", watch);
    }
    listener.serve(stop, now, options.drain_timeout).await;
    over.cancel();
    // They bound their own time, and panics are logged where they happen.
    let _ = writing.await;
    stores.close();
    stores.wait().await;
    let _ = tokio::time::timeout(UPSTREAM_CLOSING, transport.shutdown()).await;
    supervisor.outcome()
}

/// What makes metrics, spans and the access log of records.
fn writer(telemetry: &Telemetry, log: &Arc<Queue>) -> Writer {
    let access = Lines {
        queue: Arc::clone(log),
        log: Log::Access,
    };
    Writer::new(telemetry.clone(), Some(Box::new(access)))
}
