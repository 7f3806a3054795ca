//! `cache`: answers kept for requests that are the same.

use std::time::Duration;

use serde::Serialize;

use super::effective::duration_text;
use crate::file::item::Item;
use crate::file::scalar;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "a response cache",
    &[
        Key::optional(
            "ttl",
            Shape::Duration,
            "How long an answer is kept. Default 1h.",
        ),
        Key::optional(
            "max_entries",
            Shape::Integer(1, i64::MAX),
            "Answers kept at most. Default 1000.",
        ),
        Key::optional(
            "max_bytes",
            Shape::Size,
            "Bytes kept at most. Default 64MiB.",
        ),
        Key::optional(
            "shared",
            Shape::Flag,
            "Whether callers with different keys share answers. Default false.",
        ),
    ],
);

/// Answers kept for requests that are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cache {
    /// How long an answer is kept.
    #[serde(serialize_with = "duration_text")]
    pub ttl: Duration,
    /// Answers kept at most.
    pub max_entries: u64,
    /// Bytes kept at most.
    pub max_bytes: u64,
    /// Whether callers with different keys share answers.
    pub shared: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl: Duration::from_hours(1),
            max_entries: 1000,
            max_bytes: 64 * 1024 * 1024,
            shared: false,
        }
    }
}

pub(crate) fn read(item: &Item<'_>) -> Option<Cache> {
    let default = Cache::default();
    if let Some(on) = item.text().and_then(scalar::flag) {
        return on.then_some(default);
    }
    Some(Cache {
        ttl: item.duration_at("ttl").unwrap_or(default.ttl),
        max_entries: item.count_at("max_entries").unwrap_or(default.max_entries),
        max_bytes: item.size_at("max_bytes").unwrap_or(default.max_bytes),
        shared: item.flag_at("shared").unwrap_or(default.shared),
    })
}
