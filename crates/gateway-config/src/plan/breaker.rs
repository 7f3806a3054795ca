//! `breaker`: a target that fails is left alone for a while.

use std::time::Duration;

use serde::Serialize;

use super::effective::duration_text;
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "a circuit breaker",
    &[
        Key::optional(
            "failures",
            Shape::Integer(1, 1_000_000),
            "Faults of the provider within `within` that open it. Default 5.",
        ),
        Key::optional(
            "within",
            Shape::Duration,
            "The time in which they count. Default 30s.",
        ),
        Key::optional(
            "open_for",
            Shape::Duration,
            "How long the target is left alone before one call probes it. Default 15s.",
        ),
    ],
);

/// When a target that fails is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Breaker {
    /// Faults that open it.
    pub failures: u32,
    /// The time in which they count.
    #[serde(serialize_with = "duration_text")]
    pub within: Duration,
    /// How long the target is left alone.
    #[serde(serialize_with = "duration_text")]
    pub open_for: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            within: Duration::from_secs(30),
            open_for: Duration::from_secs(15),
        }
    }
}

pub(crate) fn read(item: &Item<'_>) -> Breaker {
    let default = Breaker::default();
    Breaker {
        failures: item
            .integer_at("failures")
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(default.failures),
        within: item.duration_at("within").unwrap_or(default.within),
        open_for: item.duration_at("open_for").unwrap_or(default.open_for),
    }
}
