//! Usage: the same object in chat, completions and embeddings, with many additions by vendors.

use gateway_schema::Usage;
use serde_json::{Map, Value};

use crate::node::{Node, Object};

const PROMPT_DETAILS: &str = "prompt_tokens_details";
const COMPLETION_DETAILS: &str = "completion_tokens_details";

/// Reads a usage object; `None` when it is none.
pub(crate) fn decode(node: Node<'_>) -> Option<Usage> {
    let Node::Object(fields) = node else {
        return None;
    };
    let mut usage = Usage::default();
    let mut extra = Map::new();
    // What some vendors state under flat names; it counts where the details say nothing.
    let (mut flat_read, mut flat_write, mut flat_reasoning) = (None, None, None);
    for (key, node) in fields {
        match &*key {
            "prompt_tokens" => usage.input_tokens = node.as_u64(),
            "completion_tokens" => usage.output_tokens = node.as_u64(),
            "total_tokens" => usage.total_tokens = node.as_u64(),
            PROMPT_DETAILS => {
                let rest = details(node, |name, count| {
                    match name {
                        "cached_tokens" => Some(&mut usage.cache_read_tokens),
                        "cache_write_tokens" => Some(&mut usage.cache_write_tokens),
                        "audio_tokens" => Some(&mut usage.input_audio_tokens),
                        _ => None,
                    }
                    .map(|slot| *slot = count)
                    .is_some()
                });
                keep(&mut extra, PROMPT_DETAILS, rest);
            }
            COMPLETION_DETAILS => {
                let rest = details(node, |name, count| {
                    match name {
                        "reasoning_tokens" => Some(&mut usage.reasoning_tokens),
                        "audio_tokens" => Some(&mut usage.output_audio_tokens),
                        _ => None,
                    }
                    .map(|slot| *slot = count)
                    .is_some()
                });
                keep(&mut extra, COMPLETION_DETAILS, rest);
            }
            _ => {
                match &*key {
                    "cached_tokens" | "prompt_cache_hit_tokens" | "cache_read_input_tokens" => {
                        flat_read = flat_read.or(node.as_u64());
                    }
                    "cache_creation_input_tokens" => flat_write = node.as_u64(),
                    "reasoning_tokens" => flat_reasoning = node.as_u64(),
                    _ => {}
                }
                if !node.is_null() {
                    extra.insert(key.into_owned(), node.into_value());
                }
            }
        }
    }
    usage.cache_read_tokens = usage.cache_read_tokens.or(flat_read);
    usage.cache_write_tokens = usage.cache_write_tokens.or(flat_write);
    usage.reasoning_tokens = usage.reasoning_tokens.or(flat_reasoning);
    usage.extra = extra;
    Some(usage)
}

/// Takes the known counts out of a details object and returns the rest.
fn details(node: Node<'_>, mut take: impl FnMut(&str, Option<u64>) -> bool) -> Map<String, Value> {
    let mut rest = Map::new();
    for (key, node) in node.into_fields() {
        let count = node.as_u64();
        let known = (count.is_some() || node.is_null()) && take(&key, count);
        if !known && !node.is_null() {
            rest.insert(key.into_owned(), node.into_value());
        }
    }
    rest
}

fn keep(extra: &mut Map<String, Value>, key: &str, rest: Map<String, Value>) {
    if !rest.is_empty() {
        extra.insert(key.to_owned(), Value::Object(rest));
    }
}

/// Writes the fields of a usage object.
pub(crate) fn encode(usage: &Usage, out: &mut Object<'_>) {
    let input = usage.input_tokens.unwrap_or(0);
    out.field("prompt_tokens", &input);
    let output = usage.output_tokens.unwrap_or(0);
    out.field("completion_tokens", &output);
    out.field("total_tokens", &usage.total());
    encode_details(
        out,
        PROMPT_DETAILS,
        &[
            ("cached_tokens", usage.cache_read_tokens),
            ("cache_write_tokens", usage.cache_write_tokens),
            ("audio_tokens", usage.input_audio_tokens),
        ],
        usage,
    );
    encode_details(
        out,
        COMPLETION_DETAILS,
        &[
            ("reasoning_tokens", usage.reasoning_tokens),
            ("audio_tokens", usage.output_audio_tokens),
        ],
        usage,
    );
    for (key, value) in &usage.extra {
        if key != PROMPT_DETAILS && key != COMPLETION_DETAILS {
            out.field(key, value);
        }
    }
}

/// Writes the usage of a call that generates nothing.
pub(crate) fn encode_input(usage: &Usage, out: &mut Object<'_>) {
    out.field("prompt_tokens", &usage.input_tokens.unwrap_or(0));
    out.option("completion_tokens", usage.output_tokens.as_ref());
    out.field("total_tokens", &usage.total());
    out.fields(&usage.extra);
}

fn encode_details(out: &mut Object<'_>, name: &str, counts: &[(&str, Option<u64>)], usage: &Usage) {
    let rest = usage.extra.get(name).and_then(Value::as_object);
    if rest.is_none() && counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    out.object(name, |out| {
        for (key, count) in counts {
            out.option(key, count.as_ref());
        }
        if let Some(rest) = rest {
            out.fields(rest);
        }
    });
}
