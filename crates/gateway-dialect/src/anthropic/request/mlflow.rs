//! MLflow's own rules for Anthropic, applied on MLflow's own URLs.
//!
//! Spec: MLflow 3.17 `mlflow/gateway/providers/anthropic.py`, as recorded in the conformance cases `anthropic-*`.

use std::collections::BTreeMap;

use gateway_schema::chat::{ChatRequest, Sampling, Tool};
use gateway_schema::{CallError, ErrorKind};
use serde_json::Value;

use super::encode::Field;

/// What a request without a limit may generate.
pub(super) const DEFAULT_MAX_TOKENS: u64 = 8192;
const MOST_TOKENS: u64 = 1_000_000;

/// A refusal of MLflow's own: status 422 and its text.
pub(in super::super) fn refused(text: impl Into<String>) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, text.into()).with_status(422)
}

/// Refuses several answers.
pub(in super::super) fn one_answer(sampling: &Sampling) -> Result<(), CallError> {
    match sampling.n {
        None | Some(1) => Ok(()),
        Some(n) => Err(refused(format!(
            "'n' must be '1' for the Anthropic provider. Received value: '{n}'."
        ))),
    }
}

/// MLflow's text for the two samplers at once.
pub(in super::super) const fn both_samplers() -> &'static str {
    "Cannot set both 'temperature' and 'top_p' parameters."
}

/// MLflow's clients say 0 to 2, Anthropic 0 to 1.
pub(in super::super) fn halved(temperature: f64) -> f64 {
    temperature / 2.0
}

/// Refuses what MLflow refuses before any upstream call.
pub(super) fn check(request: &ChatRequest) -> Result<(), CallError> {
    let sampling = &request.sampling;
    one_answer(sampling)?;
    if sampling.temperature.is_some() && sampling.top_p.is_some() {
        return Err(refused(both_samplers()));
    }
    if sampling
        .max_tokens
        .or(sampling.max_completion_tokens)
        .is_some_and(|limit| limit > MOST_TOKENS)
    {
        return Err(refused(format!(
            "Invalid value for max_tokens: cannot exceed {MOST_TOKENS}."
        )));
    }
    for tool in request.tools.iter().flatten() {
        if let Tool::Opaque { value, .. } = tool {
            let kind = value
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("unknown");
            return Err(refused(format!(
                "Only function calling tool is supported, but received tool type {kind}"
            )));
        }
    }
    Ok(())
}

/// Canonical fields that MLflow passes on under their OpenAI names although Anthropic does not know them.
pub(super) fn extra<'a>(request: &'a ChatRequest, out: &mut BTreeMap<&'a str, Field<'a>>) {
    let sampling = &request.sampling;
    let numbers = [
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            out.insert(key, Field::Number(value));
        }
    }
    if let Some(seed) = sampling.seed {
        out.insert("seed", Field::Integer(seed));
    }
    if let Some(bias) = &sampling.logit_bias {
        out.insert("logit_bias", Field::Map(bias));
    }
    if let Some(logprobs) = request.logprobs {
        out.insert("logprobs", Field::Flag(logprobs));
    }
    if let Some(top) = request.top_logprobs {
        out.insert("top_logprobs", Field::Integer(i64::from(top)));
    }
}
