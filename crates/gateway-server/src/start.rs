//! `start`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::Registry;
use gateway_core::config::{LogFormat, Strictness};
use gateway_telemetry::Writer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{self, StartOptions};
use crate::configuration::{Configuration, parse, path, text_of};
use crate::gateway::{Assembled, assemble};
use crate::listen::{Listener, Tls, TlsFiles};
use crate::open::Reach;
use crate::providers::providers;
use crate::watch::{Watch, contents};
use crate::{Failure, banner, demo, log, output, runtime, shutdown};

/// How long connections to providers may take to close, after everything else.
const UPSTREAM_CLOSING: Duration = Duration::from_millis(500);

/// What was read before anything is started.
struct Read {
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
    if let Some(complaint) = log::start(format) {
        tracing::warn!(target: "gateway::log", "{complaint}");
    }
    if !read.configuration.loaded.warnings.is_empty() {
        output::complain(&read.configuration.loaded.warnings.to_string());
    }
    let plan = &read.configuration.loaded.plan;
    let assembled = assemble(plan, registry.clone(), &options.origin_override)?;
    let runtime = runtime::build(options.workers)?;
    let outcome = runtime.block_on(serve(options, registry, read, assembled));
    // What is still running was given its time.
    runtime.shutdown_background();
    outcome
}

fn read(options: &StartOptions, registry: &Registry) -> Result<Read, Failure> {
    let path = path(options.config_path.as_ref());
    let (name, text) = match &path {
        Some(path) => (path.display().to_string(), text_of(path)?),
        None => (demo::NAME.to_owned(), demo::CONFIGURATION.to_owned()),
    };
    let configuration = parse(&name, &text, registry, Strictness::Lenient)?;
    Ok(Read {
        path,
        name,
        text,
        configuration,
    })
}

async fn bind(options: &StartOptions) -> Result<TcpListener, Failure> {
    let at = (options.host.as_str(), options.port);
    TcpListener::bind(at).await.map_err(|error| {
        let (host, port) = at;
        Failure::Broken(format!("Cannot listen at {host}:{port}: {error}"))
    })
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

async fn serve(
    options: &StartOptions,
    registry: Registry,
    read: Read,
    assembled: Assembled,
) -> Result<(), Failure> {
    let Assembled {
        gateway,
        transport,
        telemetry,
        mut workers,
    } = assembled;
    let plan = &read.configuration.loaded.plan;
    let tls = tls(options)?;
    let socket = bind(options).await?;
    let address = socket
        .local_addr()
        .map_err(|error| Failure::Broken(error.to_string()))?;
    let reach = Reach {
        address: address.ip(),
        allowed: options.allow_unauthenticated,
    };
    reach.check(plan)?;

    let (stop, now) = (CancellationToken::new(), CancellationToken::new());
    let tasks = TaskTracker::new();
    // Until the last call is over, which is after `stop`.
    let over = CancellationToken::new();
    let writer = Writer::new(telemetry, Some(Box::new(std::io::stderr())));
    let writing = tasks.spawn(writer.run(over.clone().cancelled_owned()));
    // Stores are given back what was leased after the last call is over.
    let stores = TaskTracker::new();
    let shared = workers.begin(&gateway, &stores, &over).await;
    tasks.spawn(workers.run(stores.clone(), over.clone()));
    tasks.spawn(shutdown::watch(stop.clone(), now.clone()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(tls) = &tls {
        tasks.spawn(Arc::clone(tls).watch(stop.clone()));
    }
    // Before anything is said: whoever reads it may send a signal at once.
    let hangups = shutdown::Hangups::new();
    let base = banner::base_url(scheme, address);
    let summary = banner::summary(&base, &read.name, plan);
    output::say(&(summary + &shared));
    if read.path.is_none() {
        output::say(&banner::examples(&base, plan));
    }
    let listener = Listener {
        socket,
        tls,
        gateway: gateway.clone(),
    };
    if let Some(path) = read.path {
        let watch = Watch {
            contents: contents(path.clone(), read.text.as_bytes(), &read.configuration),
            path,
            gateway,
            registry,
            reach,
            log_format: options.log_format.map(|_| plan.telemetry.log.format),
        };
        tasks.spawn(watch.run(hangups, stop.clone()));
    }
    listener.serve(stop, now, options.drain_timeout).await;
    over.cancel();
    // They bound their own time.
    if let Err(error) = writing.await {
        tracing::error!(%error, "telemetry: the writer of records broke");
    }
    stores.close();
    stores.wait().await;
    let _ = tokio::time::timeout(UPSTREAM_CLOSING, transport.shutdown()).await;
    Ok(())
}
