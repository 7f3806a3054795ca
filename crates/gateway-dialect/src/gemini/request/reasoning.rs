//! How the model shall think: a budget up to Gemini 2.5, a level from Gemini 3 on.

use gateway_schema::Dialect;
use gateway_schema::chat::{Effort, Reasoning};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::model::ThinkingMode;
use super::encode::Encoding;

/// `thinkingConfig`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ThinkingOut<'a> {
    /// As the caller wrote it.
    Kept(&'a Map<String, Value>),
    /// Made from canonical fields.
    #[serde(rename_all = "camelCase")]
    Made {
        #[serde(skip_serializing_if = "Option::is_none")]
        thinking_budget: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        thinking_level: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        include_thoughts: Option<bool>,
    },
}

/// Chooses the way in which the model can be told.
pub(super) fn write<'a>(encoding: &mut Encoding<'a>) -> Option<ThinkingOut<'a>> {
    let reasoning = encoding.request.reasoning.as_ref()?;
    if let Some(native) = reasoning.extra.for_dialect(Dialect::GEMINI) {
        return Some(ThinkingOut::Kept(native));
    }
    let is_off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
    if !is_off
        && reasoning.enabled.is_none()
        && reasoning.effort.is_none()
        && reasoning.budget_tokens.is_none()
        && reasoning.summary.is_none()
    {
        return None;
    }
    let include_thoughts = (!is_off
        && (reasoning.enabled == Some(true) || reasoning.summary.is_some())
        && reasoning.summary.as_deref() != Some("omitted"))
    .then_some(true);
    let (thinking_budget, thinking_level) = match encoding.traits.thinking() {
        ThinkingMode::Unsupported => {
            if !is_off {
                encoding
                    .losses
                    .dropped("reasoning", "this model does not think");
            }
            return None;
        }
        ThinkingMode::Budget => (budget(encoding, reasoning, is_off), None),
        ThinkingMode::Level => (None, level(encoding, reasoning, is_off)),
    };
    Some(ThinkingOut::Made {
        thinking_budget,
        thinking_level,
        include_thoughts,
    })
}

fn budget(encoding: &mut Encoding<'_>, reasoning: &Reasoning, is_off: bool) -> Option<i64> {
    let (least, most) = encoding.traits.budgets();
    let number = |budget: u64| i64::try_from(budget).unwrap_or(i64::MAX);
    if is_off {
        if !encoding.traits.always_thinks() {
            return Some(0);
        }
        encoding.losses.approximated(
            "reasoning",
            "this model always thinks; the smallest budget is used",
        );
        return Some(number(least));
    }
    if let Some(asked) = reasoning.budget_tokens {
        let given = asked.clamp(least, most);
        if given != asked {
            encoding.losses.approximated(
                "reasoning.budget_tokens",
                format!("a budget of this model is {least} to {most}"),
            );
        }
        return Some(number(given));
    }
    let Some(effort) = &reasoning.effort else {
        return reasoning.enabled.map(|_| -1);
    };
    encoding.losses.approximated(
        "reasoning_effort",
        "this model takes a budget, not an effort",
    );
    // Google's own table for OpenAI's clients.
    Some(match effort {
        Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        _ => 24_576,
    })
}

fn level(encoding: &mut Encoding<'_>, reasoning: &Reasoning, is_off: bool) -> Option<&'static str> {
    let lowest = if encoding.traits.takes_minimal() {
        "minimal"
    } else {
        "low"
    };
    let mut near = |why: &'static str| encoding.losses.approximated("reasoning_effort", why);
    if is_off {
        near("this model always thinks; the lowest level is used");
        return Some(lowest);
    }
    Some(match (&reasoning.effort, reasoning.budget_tokens) {
        (Some(Effort::Minimal), _) => {
            if lowest != "minimal" {
                near("this model's lowest level is 'low'");
            }
            lowest
        }
        (Some(Effort::Low), _) => "low",
        (Some(Effort::Medium), _) if encoding.traits.takes_medium() => "medium",
        (Some(Effort::Medium), _) => {
            near("this model knows 'low' and 'high'");
            "high"
        }
        (Some(Effort::High), _) => "high",
        (Some(_), _) => {
            near("Gemini's highest level is 'high'");
            "high"
        }
        (None, Some(budget)) => {
            near("this model takes a level, not a budget");
            match budget {
                0..=2048 => "low",
                2049..=8192 if encoding.traits.takes_medium() => "medium",
                _ => "high",
            }
        }
        (None, None) => return None,
    })
}
