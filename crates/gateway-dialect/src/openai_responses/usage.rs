//! Usage, both ways.

use gateway_schema::Usage;
use serde_json::{Map, Value, json};

use crate::node;

const INPUT: &str = "input_tokens_details";
const OUTPUT: &str = "output_tokens_details";

/// Reads a usage object; `None` when it is none.
pub(super) fn read(value: &Value) -> Option<Usage> {
    let fields = value.as_object()?;
    let count = |key: &str| fields.get(key).and_then(node::count);
    let detail = |group: &str, key: &str| fields.get(group)?.get(key).and_then(node::count);
    let mut usage = Usage::default();
    usage.input_tokens = count("input_tokens");
    usage.output_tokens = count("output_tokens");
    usage.total_tokens = count("total_tokens");
    usage.cache_read_tokens = detail(INPUT, "cached_tokens");
    usage.cache_write_tokens = detail(INPUT, "cache_write_tokens");
    usage.input_audio_tokens = detail(INPUT, "audio_tokens");
    usage.reasoning_tokens = detail(OUTPUT, "reasoning_tokens");
    usage.output_audio_tokens = detail(OUTPUT, "audio_tokens");
    let known = [
        "input_tokens",
        "output_tokens",
        "total_tokens",
        INPUT,
        OUTPUT,
    ];
    usage.extra = fields
        .iter()
        .filter(|(key, value)| !known.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(usage)
}

/// Writes a usage object. Clients read the details without looking whether they are there.
pub(super) fn write(usage: &Usage) -> Value {
    let mut input = Map::new();
    input.insert(
        "cached_tokens".to_owned(),
        usage.cache_read_tokens.unwrap_or(0).into(),
    );
    if let Some(written) = usage.cache_write_tokens {
        input.insert("cache_write_tokens".to_owned(), written.into());
    }
    json!({
        "input_tokens": usage.input_tokens.unwrap_or(0),
        INPUT: input,
        "output_tokens": usage.output_tokens.unwrap_or(0),
        OUTPUT: {"reasoning_tokens": usage.reasoning_tokens.unwrap_or(0)},
        "total_tokens": usage.total(),
    })
}
