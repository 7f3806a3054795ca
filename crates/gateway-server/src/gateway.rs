//! The service behind the listener.

use std::sync::Arc;

use gateway_core::config::Plan;
use gateway_core::provider::Clock;
use gateway_core::{BuildError, Deps, EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_http::EdgeConfig;
use gateway_telemetry::{Telemetry, TelemetryConfig, descriptor as metric};
use gateway_transport::{HttpTransport, OriginOverrides, TransportConfig};

use crate::clock::SystemClock;
use crate::environment::{ProcessEnvironment, variable};
use crate::log::{Log, Queue};
use crate::stores::{Workers, stores};
use crate::{Failure, memory, proxies};

/// A gateway, and the upstream client that it shares with all plans to come.
pub(crate) struct Assembled {
    pub(crate) gateway: Gateway,
    pub(crate) transport: HttpTransport,
    pub(crate) telemetry: Telemetry,
    pub(crate) workers: Workers,
}

/// Puts the gateway together for `plan`.
pub(crate) fn assemble(
    plan: &Plan,
    registry: Registry,
    overrides: &[String],
    log: Option<&Arc<Queue>>,
) -> Result<Assembled, Failure> {
    let transport = HttpTransport::new(transport_config(overrides)?)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let deps = Deps::new(
        Arc::new(transport.clone()),
        Arc::clone(&clock),
        Arc::new(ProcessEnvironment::default()),
    );
    let telemetry = Telemetry::new(
        TelemetryConfig::new(),
        Arc::new(transport.clone()),
        Arc::clone(&clock),
    );
    if let Some(log) = log {
        observe(&telemetry, Arc::clone(log));
    }
    let (open, workers) = stores();
    let mut builder = EngineBuilder::new(registry, deps)
        .with_stores(open)
        .with_telemetry(telemetry.clone());
    if let Some(bytes) = memory::available() {
        builder = builder.with_memory(bytes / 2);
    }
    let engine = builder
        .build(plan)
        .map_err(|errors| Failure::Refused(lines(&errors)))?;
    // The bounds of bodies come with each plan.
    let config = EdgeConfig::new()
        // The access log is made from records, off the way of requests.
        .with_log_calls(false)
        .with_version(env!("CARGO_PKG_VERSION"));
    let gateway = GatewayBuilder::new(engine, clock)
        .with_config(config)
        .build();
    Ok(Assembled {
        gateway,
        transport,
        telemetry,
        workers,
    })
}

/// Adds what became of the log to the metrics.
fn observe(telemetry: &Telemetry, log: Arc<Queue>) {
    telemetry.observe(Box::new(move |samples| {
        for one in Log::ALL {
            samples.number(&metric::LINES_SHED, [one.as_str()], log.shed(one) as f64);
        }
        let none = std::iter::empty::<String>();
        samples.number(&metric::LOG_WRITE_ERRORS, none, log.errors() as f64);
    }));
}

/// One line per error.
pub(crate) fn lines(errors: &[BuildError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn transport_config(rules: &[String]) -> Result<TransportConfig, Failure> {
    let refused = |error: gateway_transport::ConfigError| Failure::Refused(error.to_string());
    let mut overrides = OriginOverrides::new();
    for rule in rules {
        overrides = overrides.with_rule(rule).map_err(refused)?;
    }
    let mut config = TransportConfig::default()
        .with_overrides(overrides)
        .with_proxies(proxies::from_environment(variable).map_err(refused)?);
    if let Some(path) = variable("SSL_CERT_FILE") {
        let pem = std::fs::read(&path)
            .map_err(|error| Failure::Refused(format!("SSL_CERT_FILE: {path}: {error}")))?;
        config = config.with_extra_root(pem);
    }
    Ok(config)
}
