//! Usage: Anthropic counts uncached input apart, the canonical form counts the whole prompt.

use std::collections::BTreeMap;

use gateway_schema::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::node;

/// Usage as the API reports it. In a stream, `message_delta` may repeat any of it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UsageIn {
    #[serde(default, deserialize_with = "node::counted")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
struct CacheCreation {
    #[serde(default, deserialize_with = "counted")]
    ephemeral_1h_input_tokens: u64,
    #[serde(default, deserialize_with = "counted")]
    ephemeral_5m_input_tokens: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
struct OutputDetails {
    #[serde(default, deserialize_with = "node::counted")]
    thinking_tokens: Option<u64>,
}

/// A count; 0 of what is none.
fn counted<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    node::counted(from).map(Option::unwrap_or_default)
}

impl UsageIn {
    /// In canonical terms.
    pub(super) fn into_usage(self) -> Usage {
        let cached = self
            .cache_read_input_tokens
            .unwrap_or(0)
            .saturating_add(self.cache_creation_input_tokens.unwrap_or(0));
        let mut usage = Usage::default();
        usage.input_tokens = self.input_tokens.map(|input| input.saturating_add(cached));
        usage.output_tokens = self.output_tokens;
        usage.cache_read_tokens = self.cache_read_input_tokens;
        usage.cache_write_tokens = self.cache_creation_input_tokens;
        usage.cache_write_1h_tokens = self
            .cache_creation
            .map(|created| created.ephemeral_1h_input_tokens);
        usage.reasoning_tokens = self
            .output_tokens_details
            .and_then(|details| details.thinking_tokens);
        usage.extra = self.extra;
        usage.extra.retain(|_, value| !value.is_null());
        usage
    }
}

/// Usage on its way to a client.
#[derive(Debug, Serialize)]
pub(super) struct UsageOut<'a> {
    input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a Value>,
}

/// What Anthropic reports besides tokens. Other providers' figures do not go to an Anthropic client under names that
/// it would misread.
const EXTRA: [&str; 5] = [
    "server_tool_use",
    "service_tier",
    "inference_geo",
    "iterations",
    "speed",
];

impl<'a> UsageOut<'a> {
    /// Splits the canonical figures again.
    pub(super) fn of(usage: &'a Usage) -> Self {
        // Some providers count cached tokens of earlier calls, too: no more can have been cached than was sent.
        let whole = usage.input_tokens.unwrap_or(u64::MAX);
        let read = usage.cache_read_tokens.map(|read| read.min(whole));
        let written = usage
            .cache_write_tokens
            .map(|written| written.min(whole.saturating_sub(read.unwrap_or(0))));
        Self {
            input_tokens: usage
                .input_tokens
                .unwrap_or(0)
                .saturating_sub(read.unwrap_or(0))
                .saturating_sub(written.unwrap_or(0)),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: read,
            cache_creation: usage.cache_write_1h_tokens.map(|hour| CacheCreation {
                ephemeral_1h_input_tokens: hour,
                ephemeral_5m_input_tokens: written.unwrap_or(0).saturating_sub(hour),
            }),
            output_tokens: usage.output_tokens.unwrap_or(0),
            output_tokens_details: usage.reasoning_tokens.map(|thinking| OutputDetails {
                thinking_tokens: Some(thinking),
            }),
            extra: EXTRA
                .into_iter()
                .filter_map(|key| Some((key, usage.extra.get(key)?)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_prompt_is_counted_and_split_again() {
        let text = r#"{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":100,
            "cache_creation":{"ephemeral_1h_input_tokens":5,"ephemeral_5m_input_tokens":2},
            "output_tokens":4,"output_tokens_details":{"thinking_tokens":1},
            "server_tool_use":{"web_search_requests":1}}"#;
        let usage = serde_json::from_str::<UsageIn>(text).unwrap().into_usage();
        assert_eq!(usage.input_tokens, Some(117));
        assert_eq!(usage.cache_write_1h_tokens, Some(5));
        let again: Value = serde_json::to_value(UsageOut::of(&usage)).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn figures_that_were_not_reported_stay_unknown() {
        let usage = serde_json::from_str::<UsageIn>(r#"{"output_tokens":15}"#)
            .unwrap()
            .into_usage();
        assert_eq!(usage.input_tokens, None);
        assert_eq!(usage.output_tokens, Some(15));
    }
}
