//! What belongs to the whole process: stores, telemetry, bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::secret::SecretValue;
use super::tree::{definition, words};
use crate::plan::{LogFormat, OnStoreError};

definition! {
    /// Where state is kept that several processes share.
    #[derive(Default)]
    pub struct StoresDefinition {
        ;
        /// URL of a Redis or Valkey server.
        redis: Option<SecretValue>,
        /// What to do with a request while the store is away.
        on_store_error: Option<OnStoreError>,
    }
}

definition! {
    /// What leaves the process about its calls.
    #[derive(Default)]
    pub struct TelemetryDefinition {
        ;
        /// Traces and metrics to a collector.
        otlp: Option<OtlpDefinition>,
        /// Whether `/metrics` is served. Default true.
        prometheus: Option<bool>,
        /// The access log.
        log: Option<LogDefinition>,
    }
}

definition! {
    /// An OpenTelemetry collector.
    pub struct OtlpDefinition {
        /// Its URL.
        endpoint: String,
        ;
        /// Headers sent with every export.
        headers: BTreeMap<String, SecretValue>,
    }
}

definition! {
    /// The access log.
    #[derive(Default)]
    pub struct LogDefinition {
        ;
        /// The form of a line.
        format: Option<LogFormat>,
        /// Whether prompts and answers are logged.
        content: Option<LogContent>,
    }
}

/// Whether prompts and answers are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogContent {
    /// They are not.
    #[default]
    Off,
    /// They are.
    On,
}

impl LogContent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }
}

words!(LogContent);

definition! {
    /// Bounds of the whole process.
    #[derive(Default)]
    pub struct ServerDefinition {
        ;
        /// Largest request body, in bytes.
        #[serde(with = "super::words::size")]
        max_body: Option<u64>,
        /// Largest body of a request that is passed on as it is, in bytes.
        #[serde(with = "super::words::size")]
        max_upload: Option<u64>,
        /// Calls in flight beyond which new ones are refused.
        max_in_flight: Option<u64>,
        /// Bytes of memory in use beyond which new calls are refused.
        #[serde(with = "super::words::size")]
        max_memory: Option<u64>,
        /// Longest time a client may take to send the head of a request.
        #[serde(with = "super::words::duration")]
        header_timeout: Option<Duration>,
        /// Longest time a client may take to send a body, besides a second for every 8 KiB of it.
        #[serde(with = "super::words::duration")]
        body_timeout: Option<Duration>,
        /// Longest time a client may take none of an answer that is ready for it.
        #[serde(with = "super::words::duration")]
        write_timeout: Option<Duration>,
        /// Longest time a connection may stand without a request.
        #[serde(with = "super::words::duration")]
        idle_timeout: Option<Duration>,
        /// How long calls in flight may take to finish when the process stops.
        #[serde(with = "super::words::duration")]
        drain: Option<Duration>,
        /// Host names that requests may name besides addresses and the machine's own names.
        allowed_hosts: Vec<String>,
        /// Pages of other origins that may call; absent: none.
        cors: Option<CorsDefinition>,
    }
}

definition! {
    /// Pages of other origins that may call.
    pub struct CorsDefinition {
        /// Their origins.
        allow_origins: Vec<String>,
        ;
        /// How long a browser may remember the answer to a preflight.
        #[serde(with = "super::words::duration")]
        max_age: Option<Duration>,
    }
}
