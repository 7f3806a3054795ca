//! Consumption: `tokens` are what the model saw, `billed_units` what is paid for.

use gateway_schema::Usage;
use serde_json::{Map, Value, json};

use super::put;
use crate::node;

/// Reads `usage` of version 2 and `meta` of either version. `None` when it says nothing.
pub(super) fn read(stated: &Value) -> Option<Usage> {
    let count = |path: &str| stated.pointer(path).and_then(node::count);
    let mut usage = Usage::default();
    usage.input_tokens =
        count("/tokens/input_tokens").or_else(|| count("/billed_units/input_tokens"));
    usage.output_tokens =
        count("/tokens/output_tokens").or_else(|| count("/billed_units/output_tokens"));
    usage.reasoning_tokens = count("/tokens/reasoning_tokens");
    usage.cache_read_tokens = count("/cached_tokens");
    usage.search_units = count("/billed_units/search_units");
    if let Some(Value::Object(billed)) = stated.get("billed_units")
        && !billed.is_empty()
    {
        let mut extra = Map::new();
        extra.insert("billed_units".to_owned(), Value::Object(billed.clone()));
        usage.extra = extra;
    }
    (usage != Usage::default()).then_some(usage)
}

/// Writes `usage`. What is paid for is what the model saw where no provider says more.
pub(super) fn write(usage: &Usage) -> Value {
    let mut tokens = Map::new();
    let counts = [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
    ];
    for (key, count) in counts {
        put(&mut tokens, key, count);
    }
    let mut out = json!({"billed_units": billed(usage), "tokens": tokens});
    if let (Some(cached), Value::Object(fields)) = (usage.cache_read_tokens, &mut out) {
        fields.insert("cached_tokens".to_owned(), cached.into());
    }
    out
}

/// Writes `meta`, which vectors and ranks have in place of `usage`.
pub(super) fn write_meta(usage: Option<&Usage>) -> Value {
    let mut meta = json!({"api_version": {"version": "2"}});
    if let (Some(usage), Value::Object(fields)) = (usage, &mut meta) {
        let billed = billed(usage);
        if !billed.is_empty() {
            fields.insert("billed_units".to_owned(), billed.into());
        }
    }
    meta
}

fn billed(usage: &Usage) -> Map<String, Value> {
    if let Some(Value::Object(own)) = usage.extra.get("billed_units") {
        return own.clone();
    }
    let mut billed = Map::new();
    let counts = [
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("search_units", usage.search_units),
    ];
    for (key, count) in counts {
        put(&mut billed, key, count);
    }
    billed
}
