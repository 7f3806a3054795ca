//! `timeout`: how long the parts of a call may take.

use std::time::Duration;

use serde::Serialize;

use super::effective::duration_text;
use crate::diagnostic::{Diagnostic, Kind, Problems};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};
use crate::file::{Place, scalar};
use crate::source::Lookup;

/// MLflow's variable for the longest time to wait for a provider.
const ROUTE_TIMEOUT: &str = "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS";

pub(crate) static SECTION: Section = Section::new(
    "a timeout",
    &[
        Key::optional(
            "connect",
            Shape::Duration,
            "Longest time for DNS, TCP and TLS together. Default 10s.",
        ),
        Key::optional(
            "first_event",
            Shape::Duration,
            "Longest time until the first event of a stream, or until the whole reply of a call that does not \
             stream. Default: MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS, else 300s.",
        ),
        Key::optional(
            "idle",
            Shape::Duration,
            "Longest silence between two events of a stream. Default 120s.",
        ),
        Key::optional(
            "total",
            Shape::Duration,
            "Longest time for the call, all attempts and the whole stream included. Default 1h.",
        ),
    ],
);

/// How long the parts of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Timeouts {
    /// DNS, TCP and TLS together.
    #[serde(serialize_with = "duration_text")]
    pub connect: Duration,
    /// Until the first event of a stream, or until the whole reply of a call that does not stream.
    #[serde(serialize_with = "duration_text")]
    pub first_event: Duration,
    /// Between two events of a stream.
    #[serde(serialize_with = "duration_text")]
    pub idle: Duration,
    /// The call, all attempts and the whole stream included.
    #[serde(serialize_with = "duration_text")]
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_event: Duration::from_mins(5),
            idle: Duration::from_mins(2),
            total: Duration::from_hours(1),
        }
    }
}

/// The defaults of this process: MLflow's variable replaces the time to the first event.
pub(crate) fn defaults(lookup: &dyn Lookup, problems: &mut Problems) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let Some(text) = lookup.env(ROUTE_TIMEOUT) else {
        return timeouts;
    };
    match scalar::duration(&text).filter(|duration| !duration.is_zero()) {
        Some(first_event) => timeouts.first_event = first_event,
        None if text.trim().is_empty() => {}
        None => {
            let message =
                format!("the environment variable {ROUTE_TIMEOUT} is not a number of seconds");
            let diagnostic = Diagnostic::error(Kind::Value, Place::default(), message);
            problems.push(diagnostic);
        }
    }
    timeouts
}

pub(crate) fn read(item: Option<&Item<'_>>, defaults: Timeouts) -> Timeouts {
    let Some(item) = item else { return defaults };
    let at = |key, default| item.duration_at(key).unwrap_or(default);
    Timeouts {
        connect: at("connect", defaults.connect),
        first_event: at("first_event", defaults.first_event),
        idle: at("idle", defaults.idle),
        total: at("total", defaults.total),
    }
}
