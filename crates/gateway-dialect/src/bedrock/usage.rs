//! Consumption. Bedrock's `inputTokens` excludes what was read from and written to a cache; the canonical one does not.

use super::set;
use gateway_schema::{Losses, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::node;

/// `usage`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageIn {
    #[serde(default, deserialize_with = "node::counted")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "node::counted")]
    cache_write_input_tokens: Option<u64>,
    cache_details: Option<Vec<CacheDetail>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetail {
    ttl: Option<String>,
    #[serde(default, deserialize_with = "node::counted")]
    input_tokens: Option<u64>,
}

/// Other spellings of the same counts.
const ALIASES: [&str; 2] = ["cacheReadInputTokenCount", "cacheWriteInputTokenCount"];

impl UsageIn {
    pub(super) fn into_usage(self) -> Usage {
        let read = self.cache_read_input_tokens;
        let written = self.cache_write_input_tokens;
        let mut usage = Usage::default();
        usage.input_tokens = self.input_tokens.map(|uncached| {
            uncached
                .saturating_add(read.unwrap_or(0))
                .saturating_add(written.unwrap_or(0))
        });
        usage.output_tokens = self.output_tokens;
        usage.total_tokens = self.total_tokens;
        usage.cache_read_tokens = read;
        usage.cache_write_tokens = written;
        usage.cache_write_1h_tokens = self.cache_details.and_then(|details| {
            details
                .into_iter()
                .filter(|detail| detail.ttl.as_deref() == Some("1h"))
                .map(|detail| detail.input_tokens.unwrap_or(0))
                .reduce(u64::saturating_add)
        });
        usage.extra = self.extra;
        usage.extra.retain(|key, value| {
            !ALIASES.contains(&key.as_str())
                && !value.is_null()
                && !value.as_object().is_some_and(Map::is_empty)
        });
        usage
    }
}

/// Where tokens of reasoning stand.
pub(super) const REASONING: &str = "usage.reasoning_tokens";

/// Reports the figures that have no place.
pub(super) fn report(usage: Option<&Usage>, losses: &mut Losses) {
    if usage.is_some_and(|usage| usage.reasoning_tokens.is_some_and(|count| count > 0)) {
        losses.dropped(REASONING, "they are counted in the output alone");
    }
}

/// Writes `usage`. What is not known is 0, for the service's model demands the three counts.
pub(super) fn write(usage: Option<&Usage>) -> Value {
    let unknown = Usage::default();
    let usage = usage.unwrap_or(&unknown);
    let cached = usage
        .cache_read_tokens
        .unwrap_or(0)
        .saturating_add(usage.cache_write_tokens.unwrap_or(0));
    let input = usage.input_tokens.unwrap_or(0).saturating_sub(cached);
    let mut out = json!({
        "inputTokens": input,
        "outputTokens": usage.output_tokens.unwrap_or(0),
        "totalTokens": usage.total(),
    });
    if let Some(read) = usage.cache_read_tokens {
        set(&mut out, "cacheReadInputTokens", read.into());
    }
    if let Some(written) = usage.cache_write_tokens {
        set(&mut out, "cacheWriteInputTokens", written.into());
        if let Some(hour) = usage.cache_write_1h_tokens {
            let mut details = vec![json!({"ttl": "1h", "inputTokens": hour})];
            if let Some(rest) = written.checked_sub(hour).filter(|rest| *rest > 0) {
                details.push(json!({"ttl": "5m", "inputTokens": rest}));
            }
            set(&mut out, "cacheDetails", details.into());
        }
    }
    out
}
