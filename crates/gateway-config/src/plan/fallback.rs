//! `fallback`: endpoints that are tried when one fails.

use gateway_schema::EndpointName;
use serde::{Deserialize, Serialize};

use crate::file::item::Item;

/// An error that leads to the fallback only when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackOn {
    /// The prompt is longer than the model takes.
    ContextLength,
    /// The provider's content filter refused the request or the answer.
    ContentFilter,
    /// The provider refused the gateway's credential.
    Unauthenticated,
    /// The provider forbids the call.
    Forbidden,
    /// The provider does not know the model.
    NotFound,
    /// The provider has no such capability.
    Unsupported,
}

impl FallbackOn {
    pub(crate) const WORDS: [&str; 6] = [
        "context_length",
        "content_filter",
        "unauthenticated",
        "forbidden",
        "not_found",
        "unsupported",
    ];

    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Unsupported => "unsupported",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "context_length" => Self::ContextLength,
            "content_filter" => Self::ContentFilter,
            "unauthenticated" => Self::Unauthenticated,
            "forbidden" => Self::Forbidden,
            "not_found" => Self::NotFound,
            "unsupported" => Self::Unsupported,
            _ => return None,
        })
    }
}

pub(crate) fn read_names(endpoint: &Item<'_>) -> Vec<EndpointName> {
    let items = endpoint.get("fallback").map(|item| item.one_or_many());
    items
        .unwrap_or_default()
        .iter()
        .filter_map(Item::text)
        .map(EndpointName::from)
        .collect()
}

pub(crate) fn read_conditions(endpoint: &Item<'_>) -> Vec<FallbackOn> {
    let items = endpoint.get("fallback_on").map(|item| item.one_or_many());
    let mut conditions = Vec::new();
    for word in items.unwrap_or_default().iter().filter_map(Item::text) {
        if let Some(condition) = FallbackOn::parse(word)
            && !conditions.contains(&condition)
        {
            conditions.push(condition);
        }
    }
    conditions
}
