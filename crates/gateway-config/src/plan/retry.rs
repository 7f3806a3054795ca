//! `retry`: trying the same target again.

use std::time::Duration;

use serde::Serialize;

use super::context::Context;
use super::effective::duration_text;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "a retry policy",
    &[
        Key::optional(
            "max_attempts",
            Shape::Integer(1, 100),
            "Attempts in all, the first included. Default 3.",
        ),
        Key::optional(
            "initial_backoff",
            Shape::Duration,
            "Longest wait before the second attempt; it doubles with each further one. Default 200ms.",
        ),
        Key::optional(
            "max_backoff",
            Shape::Duration,
            "Longest wait between attempts. Default 8s.",
        ),
        Key::optional(
            "budget",
            Shape::Number(0.0, 100.0),
            "Retries allowed per call, on average over the endpoint. Default 0.2.",
        ),
    ],
);

/// Trying the same target again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Retry {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Longest wait before the second attempt.
    #[serde(serialize_with = "duration_text")]
    pub initial_backoff: Duration,
    /// Longest wait between attempts.
    #[serde(serialize_with = "duration_text")]
    pub max_backoff: Duration,
    /// Retries allowed per call, on average over the endpoint.
    pub budget: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(8),
            budget: 0.2,
        }
    }
}

pub(crate) fn read(item: &Item<'_>, context: &mut Context<'_>) -> Retry {
    let default = Retry::default();
    let attempts = item
        .integer_at("max_attempts")
        .and_then(|n| u32::try_from(n).ok());
    let initial = item.duration_at("initial_backoff");
    let retry = Retry {
        max_attempts: attempts.unwrap_or(default.max_attempts),
        initial_backoff: initial.unwrap_or(default.initial_backoff),
        max_backoff: item
            .duration_at("max_backoff")
            .unwrap_or(default.max_backoff.max(initial.unwrap_or_default())),
        budget: item.number_at("budget").unwrap_or(default.budget),
    };
    if retry.initial_backoff > retry.max_backoff {
        let message = "`initial_backoff` is longer than `max_backoff`";
        let diagnostic = Diagnostic::error(Kind::Value, item.place(), message).at(&item.path);
        context.problems.push(diagnostic);
    }
    retry
}
