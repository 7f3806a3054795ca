//! From records of calls to metrics, traces and the access log.
//!
//! [`Telemetry`] is a [`RecordSink`](gateway_store::RecordSink): a bounded queue, nothing else, on the way of a
//! request. A [`Writer`] takes records out in batches and makes of them
//!
//! * counts and histograms, rendered in Prometheus' text format by [`Telemetry::prometheus`],
//! * OTLP traces and metrics in JSON over HTTP, with the names of the conventions for generative AI,
//! * one line per call in the access log, as text or JSON.
//!
//! Every metric is a [`Descriptor`]; what is told by both protocols is counted once. The number of label sets and the
//! length of every label and field are bounded. What was said in a call appears nowhere unless its record holds it.
//!
//! What is deliberately absent: a client (a [`Transport`](gateway_provider::Transport) is given), files, variables.
//!
//! ```no_run
//! # async fn start(transport: std::sync::Arc<dyn gateway_provider::Transport>,
//! #                clock: std::sync::Arc<dyn gateway_provider::Clock>) {
//! use gateway_telemetry::{Telemetry, TelemetryConfig, Writer};
//!
//! let telemetry = Telemetry::new(TelemetryConfig::new(), transport, clock);
//! let writer = Writer::new(telemetry.clone(), Some(Box::new(std::io::stderr())));
//! tokio::spawn(writer.run(std::future::pending()));
//! println!("{}", telemetry.prometheus().unwrap_or_default());
//! # }
//! ```

mod collect;
mod config;
mod cut;
pub mod descriptor;
mod histogram;
mod line;
mod otlp;
mod prometheus;
mod series;
mod telemetry;
mod writer;

#[cfg(test)]
mod tests;

pub use collect::Samples;
pub use config::{IsModel, LabelModels, LineFormat, OtlpConfig, TelemetryConfig};
pub use descriptor::Descriptor;
pub use telemetry::{Observe, Telemetry};
pub use writer::{Output, Writer};
