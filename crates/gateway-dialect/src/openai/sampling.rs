//! Limits and sampling: the same fields in chat and completions.

use gateway_schema::chat::Sampling;
use serde_json::{Map, Value};

use crate::node::{Node, Reader};

/// Reads a field of `sampling`; gives back what is none.
pub(crate) fn decode<'a>(
    reader: &mut Reader,
    sampling: &mut Sampling,
    key: &str,
    node: Node<'a>,
) -> Option<Node<'a>> {
    match key {
        "max_tokens" => sampling.max_tokens = reader.u64("max_tokens", &node),
        "max_completion_tokens" => {
            sampling.max_completion_tokens = reader.u64("max_completion_tokens", &node);
        }
        "temperature" => sampling.temperature = reader.f64("temperature", &node),
        "top_p" => sampling.top_p = reader.f64("top_p", &node),
        "top_k" => sampling.top_k = reader.u64("top_k", &node),
        "frequency_penalty" => {
            sampling.frequency_penalty = reader.f64("frequency_penalty", &node);
        }
        "presence_penalty" => sampling.presence_penalty = reader.f64("presence_penalty", &node),
        "seed" => sampling.seed = reader.i64("seed", &node),
        "n" => sampling.n = reader.u32("n", &node),
        "logit_bias" => sampling.logit_bias = reader.map("logit_bias", node),
        "stop" => stop(reader, sampling, node),
        _ => return Some(node),
    }
    None
}

fn stop(reader: &mut Reader, sampling: &mut Sampling, node: Node<'_>) {
    sampling.stop.clear();
    sampling.stop_is_text = false;
    match node {
        Node::Text(text) => {
            sampling.stop.push(text.into_owned());
            sampling.stop_is_text = true;
        }
        Node::List(_) => {
            sampling.stop = reader
                .list("stop", node, |reader, item| match item {
                    Node::Text(text) => Some(text.into_owned()),
                    other => {
                        reader.wrong(&other, "a string");
                        None
                    }
                })
                .unwrap_or_default();
        }
        Node::Null => {}
        other => reader.at("stop", |reader| {
            reader.wrong(&other, "a string or a list of strings");
        }),
    }
}

/// Reads `stream_options`: whether usage is asked for, and the rest as it is.
pub(crate) fn stream_options(
    node: Node<'_>,
    include_usage: &mut Option<bool>,
    extra: &mut Map<String, Value>,
) {
    let Node::Object(fields) = node else {
        if !node.is_null() {
            extra.insert("stream_options".to_owned(), node.into_value());
        }
        return;
    };
    let mut rest = Map::new();
    for (key, node) in fields {
        if let (Node::Bool(value), "include_usage") = (&node, &*key) {
            *include_usage = Some(*value);
        } else {
            rest.insert(key.into_owned(), node.into_value());
        }
    }
    if !rest.is_empty() {
        extra.insert("stream_options".to_owned(), Value::Object(rest));
    }
}
