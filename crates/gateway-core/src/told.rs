//! What leaves the engine about its calls: records, and what telemetry makes of them.

use std::sync::{Arc, Weak};

use foldhash::HashMap;
use gateway_catalog::Catalog;
use gateway_config::{Endpoint, LogFormat, Plan};
use gateway_middleware::breaker::BreakerStatus;
use gateway_schema::EndpointName;
use gateway_store::{CallRecord, MemoryRecords, RecordSink};
use gateway_telemetry::{
    LabelModels, LineFormat, OtlpConfig, Samples, Telemetry, TelemetryConfig, descriptor as metric,
};
use http::{HeaderName, HeaderValue};

use crate::engine::Shared;

/// Gives every record to all of several sinks.
struct Fan(Vec<Arc<dyn RecordSink>>);

impl RecordSink for Fan {
    fn record(&self, record: CallRecord) {
        if let Some((last, others)) = self.0.split_last() {
            for sink in others {
                sink.record(record.clone());
            }
            last.record(record);
        }
    }
}

/// One sink for all of them.
pub(crate) fn sink(mut sinks: Vec<Arc<dyn RecordSink>>) -> Arc<dyn RecordSink> {
    match (sinks.pop(), sinks.is_empty()) {
        (None, _) => Arc::new(MemoryRecords::new(0)),
        (Some(one), true) => one,
        (Some(last), false) => {
            sinks.push(last);
            Arc::new(Fan(sinks))
        }
    }
}

/// What the configuration says of telemetry.
pub(crate) fn config(plan: &Plan) -> TelemetryConfig {
    let telemetry = &plan.telemetry;
    let otlp = telemetry.otlp.as_ref().map(|otlp| {
        let header = |(name, value): &gateway_config::Header| {
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        OtlpConfig {
            endpoint: otlp.endpoint.clone(),
            headers: otlp.headers.iter().filter_map(header).collect(),
        }
    });
    TelemetryConfig::new()
        .with_prometheus(telemetry.prometheus)
        .with_otlp(otlp)
        .with_log(match telemetry.log.format {
            LogFormat::Json => LineFormat::Json,
            LogFormat::Text => LineFormat::Text,
        })
        .with_models(models(plan))
}

/// The models that may be labels: those that the configuration lets answer for each name, and those of the catalog.
fn models(plan: &Plan) -> LabelModels {
    let endpoints: HashMap<&EndpointName, &Endpoint> = plan
        .endpoints
        .iter()
        .map(|endpoint| (&endpoint.name, endpoint))
        .collect();
    let own = |endpoint: &Endpoint| {
        let fallback = endpoint.fallback.iter();
        let answering = fallback.filter_map(|name| endpoints.get(name).copied());
        let names = std::iter::once(endpoint.model.name.clone())
            .chain(answering.map(|endpoint| endpoint.model.name.clone()));
        names.flatten().collect::<Vec<_>>()
    };
    let of_endpoints = plan.endpoints.iter().flat_map(|endpoint| {
        let models = own(endpoint).into_iter();
        models.map(|model| (endpoint.name.clone(), model))
    });
    let of_routes = plan.routes.iter().flat_map(|route| {
        let all = route.destinations.iter();
        let answering = all.filter_map(|to| endpoints.get(&to.endpoint).copied());
        let models = answering.flat_map(own);
        models.map(|model| (route.name.clone(), model))
    });
    let catalog = Catalog::bundled();
    LabelModels::new(of_endpoints.chain(of_routes)).with_known(Arc::new(move |provider, model| {
        catalog.find(provider.as_str(), model.as_str()).is_some()
    }))
}

/// Lets `telemetry` tell what is known now of `engine`, as long as there is one.
pub(crate) fn watch(telemetry: &Telemetry, engine: Weak<Shared>) {
    telemetry.observe(Box::new(move |samples| {
        if let Some(engine) = engine.upgrade() {
            observe(&engine, samples);
        }
    }));
}

fn observe(engine: &Shared, samples: &mut Samples) {
    let deps = &engine.deps;
    let running = engine.running.load();
    for (name, count) in deps.state.in_flight() {
        // Names that are gone are told as long as calls of theirs are on their way.
        if count > 0 || running.names.contains_key(&name) {
            samples.number(&metric::IN_FLIGHT, [name.as_str()], count as f64);
        }
    }
    for one in deps.state.open_breakers() {
        let state = match one.status {
            BreakerStatus::Closed => continue,
            BreakerStatus::HalfOpen => 1.0,
            BreakerStatus::Open(_) => 2.0,
        };
        if running.names.contains_key(&one.endpoint) {
            let account = one.account.to_string();
            let labels = [one.endpoint.as_str(), account.as_str()];
            samples.number(&metric::BREAKER, labels, state);
        }
    }
    let held = deps.capacity.memory().used();
    samples.number(&metric::HELD, std::iter::empty::<&str>(), held as f64);
    for (why, count) in deps.capacity.shed() {
        samples.number(&metric::SHED, [why.as_str()], count as f64);
    }
    if let Some(stores) = &running.stores {
        let (name, status) = (stores.link.name(), stores.link.status());
        let connected = f64::from(u8::from(status.connected));
        samples.number(&metric::STORE_CONNECTED, [name], connected);
        for (operation, count) in status.failures {
            samples.number(&metric::STORE_FAILURES, [name, operation], count as f64);
        }
        for (policy, count) in deps.rates.errors.read() {
            samples.number(&metric::UNCOUNTED, [policy], count as f64);
        }
    }
    for (reason, count) in deps.identity.refused.read() {
        samples.number(&metric::AUTH_REFUSED, [reason], count as f64);
    }
}
