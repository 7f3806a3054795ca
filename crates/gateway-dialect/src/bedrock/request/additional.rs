//! `additionalModelRequestFields`: parameters of one vendor's models, as that vendor spells them.

use gateway_schema::chat::{ChatRequest, Effort, Reasoning};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value, json};

use super::super::model::Family;

/// Takes what the canonical form has a place for, and leaves the rest.
pub(super) fn read(mut fields: Map<String, Value>, chat: &mut ChatRequest) -> Map<String, Value> {
    for key in ["top_k", "k"] {
        take_top_k(&mut fields, key, chat);
    }
    if let Some(Value::Object(inner)) = fields.get_mut("inferenceConfig") {
        take_top_k(inner, "topK", chat);
        if inner.is_empty() {
            fields.remove("inferenceConfig");
        }
    }
    let mut native = Map::new();
    let mut reasoning = Reasoning::default();
    if let Some(Value::Object(thinking)) = fields.get("thinking") {
        match thinking.get("type").and_then(Value::as_str) {
            Some("disabled") => reasoning.enabled = Some(false),
            Some("enabled" | "adaptive") => reasoning.enabled = Some(true),
            _ => {}
        }
        reasoning.budget_tokens = thinking.get("budget_tokens").and_then(Value::as_u64);
        reasoning.summary = text(thinking, "display");
    }
    if let Some(Value::Object(nova)) = fields.get("reasoningConfig") {
        reasoning.enabled = nova.get("type").map(|kind| kind == "enabled");
        reasoning.effort = text(nova, "maxReasoningEffort").map(effort);
    }
    if let Some(Value::Object(output)) = fields.get("output_config") {
        reasoning.effort = text(output, "effort").map(effort);
    }
    if let Some(word) = text(&fields, "reasoning_effort") {
        reasoning.effort = Some(effort(word));
    }
    if reasoning != Reasoning::default() {
        for key in [
            "thinking",
            "reasoningConfig",
            "output_config",
            "reasoning_effort",
        ] {
            if let Some(value) = fields.shift_remove(key) {
                native.insert(key.to_owned(), value);
            }
        }
        reasoning.extra = Extra::of(Dialect::BEDROCK, native);
        chat.reasoning = Some(reasoning);
    }
    fields
}

fn take_top_k(fields: &mut Map<String, Value>, key: &str, chat: &mut ChatRequest) {
    if chat.sampling.top_k.is_none()
        && let Some(k) = fields.get(key).and_then(Value::as_u64)
    {
        chat.sampling.top_k = Some(k);
        fields.shift_remove(key);
    }
}

fn text(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn effort(word: String) -> Effort {
    serde_json::from_value(Value::String(word.clone())).unwrap_or(Effort::Other(word))
}

/// Where a vendor wants the number of candidates; `None` where none is taken.
pub(super) fn top_k(family: Family, k: u64) -> Option<(&'static str, Value)> {
    match family {
        Family::Nova => Some(("inferenceConfig", json!({"topK": k}))),
        Family::Cohere => Some(("k", k.into())),
        Family::Claude | Family::Mistral | Family::Other => Some(("top_k", k.into())),
        Family::Titan | Family::Llama | Family::Ai21 | Family::OpenAi => None,
    }
}
