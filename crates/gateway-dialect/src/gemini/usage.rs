//! Usage: Gemini counts thoughts beside the answer and the results of its own tools beside the prompt; the canonical
//! form counts each as part of the whole.

use std::collections::BTreeMap;

use gateway_schema::Usage;
use serde::Serialize;
use serde_json::Value;

use super::names::camel;
use crate::node::{self, Node};

const TOOL_USE: &str = "toolUsePromptTokenCount";

/// Reads `usageMetadata`. A figure that is not there is zero, as in every message of protocol buffers.
pub(super) fn read(node: Node<'_>) -> Option<Usage> {
    let Node::Object(fields) = node else {
        return None;
    };
    let (mut prompt, mut candidates, mut thoughts) = (None, None, None);
    let mut usage = Usage::default();
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "promptTokenCount" => prompt = node.as_u64(),
            // Vertex's name in some replies of live sessions.
            "candidatesTokenCount" | "responseTokenCount" => candidates = node.as_u64(),
            "thoughtsTokenCount" => thoughts = node.as_u64(),
            "totalTokenCount" => usage.total_tokens = node.as_u64(),
            "cachedContentTokenCount" => usage.cache_read_tokens = node.as_u64(),
            _ => {
                let audio = match &*key {
                    "promptTokensDetails" => Some(&mut usage.input_audio_tokens),
                    "candidatesTokensDetails" => Some(&mut usage.output_audio_tokens),
                    _ => None,
                };
                if let Some(slot) = audio {
                    *slot = of_modality(&node, "AUDIO");
                }
                if !node.is_null() {
                    usage.extra.insert(key.into_owned(), node.into_value());
                }
            }
        }
    }
    let tools = usage.extra.get(TOOL_USE).and_then(node::count);
    usage.reasoning_tokens = thoughts;
    if prompt.is_some() || candidates.is_some() || thoughts.is_some() {
        let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
        usage.input_tokens = Some(sum(prompt, tools));
        usage.output_tokens = Some(sum(candidates, thoughts));
    }
    Some(usage)
}

/// The tokens of one modality in a list of details.
fn of_modality(details: &Node<'_>, modality: &str) -> Option<u64> {
    let Node::List(items) = details else {
        return None;
    };
    items
        .iter()
        .find(|item| item.get("modality").and_then(Node::as_text) == Some(modality))
        .and_then(|item| item.get("tokenCount")?.as_u64())
}

/// Usage on its way to a client.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut<'a> {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    total_token_count: u64,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a Value>,
}

/// What Gemini reports besides.
const EXTRA: [&str; 8] = [
    TOOL_USE,
    "toolUsePromptTokensDetails",
    "promptTokensDetails",
    "candidatesTokensDetails",
    "cacheTokensDetails",
    "serviceTier",
    "trafficType",
    "responseTokensDetails",
];

impl<'a> UsageOut<'a> {
    /// Splits the canonical figures again.
    pub(super) fn of(usage: &'a Usage) -> Self {
        let tools = usage.extra.get(TOOL_USE).and_then(Value::as_u64);
        let input = usage.input_tokens.unwrap_or(0);
        let output = usage.output_tokens.unwrap_or(0);
        Self {
            prompt_token_count: input.saturating_sub(tools.unwrap_or(0)),
            cached_content_token_count: usage.cache_read_tokens,
            candidates_token_count: output.saturating_sub(usage.reasoning_tokens.unwrap_or(0)),
            thoughts_token_count: usage.reasoning_tokens,
            total_token_count: usage.total(),
            extra: EXTRA
                .into_iter()
                .filter_map(|key| Some((key, usage.extra.get(key)?)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thoughts_and_tools_are_counted_in_and_split_again() {
        let text = r#"{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,
            "thoughtsTokenCount":7,"toolUsePromptTokenCount":5,"totalTokenCount":25,
            "promptTokensDetails":[{"modality":"AUDIO","tokenCount":2}]}"#;
        let usage = read(serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(usage.input_tokens, Some(15));
        assert_eq!(usage.output_tokens, Some(10));
        assert_eq!(usage.reasoning_tokens, Some(7));
        assert_eq!(usage.cache_read_tokens, Some(4));
        assert_eq!(usage.input_audio_tokens, Some(2));
        let again = serde_json::to_value(UsageOut::of(&usage)).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_figure_that_is_left_out_is_zero_and_none_at_all_is_unknown() {
        let usage = read(serde_json::from_str(r#"{"promptTokenCount":5}"#).unwrap()).unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(5), Some(0))
        );
        let empty = read(serde_json::from_str("{}").unwrap()).unwrap();
        assert_eq!(empty, Usage::default());
        assert_eq!(json!(empty.total_tokens), Value::Null);
    }
}
