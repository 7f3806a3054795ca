//! How the model shall think.

use gateway_schema::Dialect;
use gateway_schema::chat::{Content, Effort, Reasoning, Role};
use serde::Serialize;
use serde_json::Value;

use super::super::model::ThinkingMode;
use super::encode::Encoding;
use super::tools::ChoiceOut;

/// The smallest budget that the API accepts.
const LEAST_BUDGET: u64 = 1024;

/// `thinking`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ThinkingOut<'a> {
    /// As the caller wrote it.
    Kept(&'a Value),
    /// Made from canonical fields.
    Made {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        budget_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'a str>,
    },
}

impl<'a> ThinkingOut<'a> {
    fn made(kind: &'static str, budget_tokens: Option<u64>, display: Option<&'a str>) -> Self {
        Self::Made {
            kind,
            budget_tokens,
            display,
        }
    }

    /// True when the encoder switched thinking on, and so must see to what goes with it.
    pub(super) fn is_made_on(&self) -> bool {
        matches!(self, Self::Made { kind, .. } if *kind != "disabled")
    }
}

/// What to write.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) thinking: Option<ThinkingOut<'a>>,
    pub(super) effort: Option<&'a str>,
}

/// Chooses the way in which the model can be told.
pub(super) fn plan<'a>(
    encoding: &mut Encoding<'a>,
    max_tokens: u64,
    choice: Option<&ChoiceOut<'_>>,
) -> Plan<'a> {
    let Some(reasoning) = &encoding.request.reasoning else {
        return Plan::default();
    };
    if let Some(native) = reasoning.extra.for_dialect(Dialect::ANTHROPIC) {
        return Plan {
            thinking: native.get("thinking").map(ThinkingOut::Kept),
            effort: native.get("effort").and_then(Value::as_str),
        };
    }
    if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
        return off(encoding);
    }
    if reasoning.enabled.is_none()
        && reasoning.effort.is_none()
        && reasoning.budget_tokens.is_none()
    {
        return Plan::default();
    }
    if choice.is_some_and(ChoiceOut::is_forced) {
        encoding
            .losses
            .dropped("reasoning", "Claude cannot think when a tool is forced");
        return Plan::default();
    }
    match encoding.traits.thinking() {
        ThinkingMode::Unsupported => {
            encoding
                .losses
                .dropped("reasoning", "this model does not think");
            Plan::default()
        }
        ThinkingMode::Budget => budget(encoding, reasoning, max_tokens),
        ThinkingMode::Either if reasoning.budget_tokens.is_some() && reasoning.effort.is_none() => {
            budget(encoding, reasoning, max_tokens)
        }
        ThinkingMode::Either | ThinkingMode::Adaptive => adaptive(encoding, reasoning),
    }
}

fn off<'a>(encoding: &mut Encoding<'_>) -> Plan<'a> {
    if !encoding.traits.thinks_by_default() {
        return Plan::default();
    }
    if encoding.traits.always_thinks() {
        encoding.losses.approximated(
            "reasoning",
            "this model always thinks; the lowest effort is used",
        );
        return Plan {
            thinking: None,
            effort: Some("low"),
        };
    }
    Plan {
        thinking: Some(ThinkingOut::made("disabled", None, None)),
        effort: None,
    }
}

fn display<'a>(encoding: &mut Encoding<'_>, reasoning: &'a Reasoning) -> Option<&'a str> {
    match reasoning.summary.as_deref() {
        None => None,
        Some("auto" | "concise" | "detailed") => Some("summarized"),
        Some(word @ ("summarized" | "omitted")) => Some(word),
        Some(_) => {
            encoding
                .losses
                .dropped("reasoning.summary", "Claude has no such form of summary");
            None
        }
    }
}

fn adaptive<'a>(encoding: &mut Encoding<'a>, reasoning: &'a Reasoning) -> Plan<'a> {
    let extra_high = encoding.traits.takes_extra_high();
    let effort = match (&reasoning.effort, reasoning.budget_tokens) {
        (Some(Effort::Minimal), _) => {
            encoding
                .losses
                .approximated("reasoning_effort", "Claude's lowest is 'low'");
            Some("low")
        }
        (Some(Effort::Low), _) => Some("low"),
        (Some(Effort::Medium), _) => Some("medium"),
        (Some(Effort::High), _) => Some("high"),
        (Some(Effort::ExtraHigh), _) if extra_high => Some("xhigh"),
        (Some(Effort::ExtraHigh), _) => {
            encoding
                .losses
                .approximated("reasoning_effort", "this model's highest is 'max'");
            Some("max")
        }
        (Some(Effort::Other(word)), _) => Some(word.as_str()),
        (_, Some(budget)) => {
            encoding.losses.approximated(
                "reasoning.budget_tokens",
                "this model takes an effort, not a budget",
            );
            Some(match budget {
                0..=2048 => "low",
                2049..=8192 => "medium",
                _ => "high",
            })
        }
        _ => None,
    };
    Plan {
        thinking: Some(ThinkingOut::made(
            "adaptive",
            None,
            display(encoding, reasoning),
        )),
        effort,
    }
}

fn budget<'a>(encoding: &mut Encoding<'a>, reasoning: &'a Reasoning, max_tokens: u64) -> Plan<'a> {
    if unanswered_call_without_thinking(encoding) {
        encoding.losses.dropped(
            "reasoning",
            "this model thinks on after a tool call only with the reasoning that led to it",
        );
        return Plan::default();
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
            _ => 8192,
        }
    });
    if max_tokens <= LEAST_BUDGET {
        encoding.losses.dropped(
            "reasoning",
            "the limit of tokens leaves no room for thinking",
        );
        return Plan::default();
    }
    let budget = asked.clamp(LEAST_BUDGET, max_tokens - 1);
    if reasoning.budget_tokens.is_some() && budget != asked {
        encoding.losses.approximated(
            "reasoning.budget_tokens",
            format!("a budget is {LEAST_BUDGET} or more and below max_tokens"),
        );
    }
    Plan {
        thinking: Some(ThinkingOut::made(
            "enabled",
            Some(budget),
            display(encoding, reasoning),
        )),
        effort: None,
    }
}

/// With a budget the API wants the last turn of the model to begin with its reasoning when tools were called in it.
fn unanswered_call_without_thinking(encoding: &Encoding<'_>) -> bool {
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
            || part
                .signature
                .as_ref()
                .is_some_and(|signature| signature.dialect == Dialect::ANTHROPIC)
    });
    calls && !signed
}
