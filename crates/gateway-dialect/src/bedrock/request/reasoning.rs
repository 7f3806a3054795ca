//! How the model shall think: in `additionalModelRequestFields`, in each vendor's words.

use gateway_schema::Dialect;
use gateway_schema::chat::{Content, Effort, Reasoning, Role};
use serde_json::{Map, Value, json};

use super::super::model::{Family, Thinking};
use super::encode::Encoding;

/// The smallest budget that Claude accepts.
const LEAST_BUDGET: u64 = 1024;

/// Adds the fields. True when thinking was switched on, and so rules out what does not go with it.
pub(super) fn write(
    encoding: &mut Encoding<'_>,
    forced: bool,
    fields: &mut Map<String, Value>,
) -> bool {
    let Some(reasoning) = &encoding.request.reasoning else {
        return false;
    };
    if let Some(native) = reasoning.extra.for_dialect(Dialect::BEDROCK) {
        fields.extend(native.clone());
        return false;
    }
    if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
        if encoding.traits.thinks_by_default() {
            fields.insert("thinking".to_owned(), json!({"type": "disabled"}));
        }
        return false;
    }
    if reasoning.enabled.is_none()
        && reasoning.effort.is_none()
        && reasoning.budget_tokens.is_none()
    {
        return false;
    }
    if forced && encoding.traits.family == Family::Claude {
        encoding
            .losses
            .dropped("reasoning", "Claude cannot think when a tool is forced");
        return false;
    }
    match encoding.traits.thinking() {
        Thinking::Unsupported => {
            encoding
                .losses
                .dropped("reasoning", "this model is not known to think when told to");
            false
        }
        Thinking::Budget => budget(encoding, reasoning, fields),
        Thinking::Either if reasoning.budget_tokens.is_some() && reasoning.effort.is_none() => {
            budget(encoding, reasoning, fields)
        }
        Thinking::Either | Thinking::Adaptive => adaptive(encoding, reasoning, fields),
        Thinking::Nova => {
            let effort = coarse(encoding, reasoning);
            let config = json!({"type": "enabled", "maxReasoningEffort": effort});
            fields.insert("reasoningConfig".to_owned(), config);
            false
        }
        Thinking::OpenAi => {
            let effort = coarse(encoding, reasoning);
            fields.insert("reasoning_effort".to_owned(), effort.into());
            false
        }
    }
}

/// Low, medium or high.
fn coarse(encoding: &mut Encoding<'_>, reasoning: &Reasoning) -> &'static str {
    let exact = match &reasoning.effort {
        Some(Effort::Low) => return "low",
        Some(Effort::Medium) => return "medium",
        Some(Effort::High) => return "high",
        Some(Effort::Minimal) => "low",
        Some(Effort::ExtraHigh) => "high",
        Some(_) => "medium",
        None => match reasoning.budget_tokens {
            None => return "medium",
            Some(0..=2048) => "low",
            Some(2049..=8192) => "medium",
            Some(_) => "high",
        },
    };
    encoding
        .losses
        .approximated("reasoning", "this model takes low, medium or high");
    exact
}

fn adaptive(
    encoding: &mut Encoding<'_>,
    reasoning: &Reasoning,
    fields: &mut Map<String, Value>,
) -> bool {
    fields.insert("thinking".to_owned(), json!({"type": "adaptive"}));
    let effort = match &reasoning.effort {
        Some(Effort::Other(word)) => Some(word.as_str()),
        None if reasoning.budget_tokens.is_none() => None,
        _ => Some(coarse(encoding, reasoning)),
    };
    if let Some(effort) = effort {
        fields.insert("output_config".to_owned(), json!({"effort": effort}));
    }
    true
}

fn budget(
    encoding: &mut Encoding<'_>,
    reasoning: &Reasoning,
    fields: &mut Map<String, Value>,
) -> bool {
    if call_without_thinking(encoding) {
        encoding.losses.dropped(
            "reasoning",
            "this model thinks on after a tool call only with the reasoning that led to it",
        );
        return false;
    }
    let limit = encoding.request.sampling.output_limit();
    if limit.is_some_and(|limit| limit <= LEAST_BUDGET) {
        encoding.losses.dropped(
            "reasoning",
            "the limit of tokens leaves no room for thinking",
        );
        return false;
    }
    let asked = reasoning.budget_tokens.unwrap_or_else(|| {
        encoding.losses.approximated(
            "reasoning_effort",
            "this model takes a budget, not an effort",
        );
        match reasoning.effort {
            Some(Effort::Minimal | Effort::Low) => 2048,
            Some(Effort::High) => 16_384,
            Some(Effort::ExtraHigh) => 32_768,
            // Below the model's own limit when the caller sets none.
            _ => 3072,
        }
    });
    let most = limit.map_or(u64::MAX, |limit| limit - 1);
    let budget = asked.clamp(LEAST_BUDGET, most);
    if reasoning.budget_tokens.is_some() && budget != asked {
        encoding.losses.approximated(
            "reasoning.budget_tokens",
            format!("a budget is {LEAST_BUDGET} or more and below the limit of tokens"),
        );
    }
    fields.insert(
        "thinking".to_owned(),
        json!({"type": "enabled", "budget_tokens": budget}),
    );
    true
}

/// With a budget Claude wants the last turn of the model to begin with its reasoning when tools were called in it.
fn call_without_thinking(encoding: &Encoding<'_>) -> bool {
    let messages = &encoding.request.messages;
    let Some(last) = messages
        .iter()
        .rev()
        .find(|message| message.role == Role::Assistant)
    else {
        return false;
    };
    let calls = last
        .parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let signed = last.parts.iter().any(|part| {
        matches!(part.content, Content::RedactedThinking { .. })
            || part.signature.as_ref().is_some_and(|signature| {
                matches!(signature.dialect, Dialect::BEDROCK | Dialect::ANTHROPIC)
            })
    });
    calls && !signed
}
