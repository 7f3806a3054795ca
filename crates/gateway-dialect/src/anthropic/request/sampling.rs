//! Limits and sampling.

use gateway_schema::chat::Sampling;
use serde::Serialize;

use super::encode::Encoding;
use super::mlflow;
use super::reasoning::ThinkingOut;

#[derive(Debug, Default, Serialize)]
pub(super) struct SamplingOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
}

/// The limit, which Anthropic demands: without one, the most the model can do.
pub(super) fn limit(encoding: &Encoding<'_>) -> u64 {
    let sampling = &encoding.request.sampling;
    if encoding.is_mlflow() {
        return sampling
            .max_tokens
            .or(sampling.max_completion_tokens)
            .unwrap_or(mlflow::DEFAULT_MAX_TOKENS);
    }
    sampling
        .output_limit()
        .unwrap_or_else(|| encoding.traits.max_output())
}

/// Writes what the model accepts, in the presence of `thinking`.
pub(super) fn write<'a>(
    encoding: &mut Encoding<'a>,
    thinking: Option<&ThinkingOut<'_>>,
) -> SamplingOut<'a> {
    let sampling = &encoding.request.sampling;
    if encoding.is_mlflow() {
        return SamplingOut {
            temperature: sampling.temperature.map(mlflow::halved),
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            stop_sequences: sampling.stop.iter().map(String::as_str).collect(),
        };
    }
    drop_unknown(encoding, sampling);
    let mut out = SamplingOut {
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: Vec::new(),
    };
    let losses = &mut encoding.losses;
    for (index, stop) in sampling.stop.iter().enumerate() {
        if stop.trim().is_empty() {
            losses.dropped(
                format!("stop[{index}]"),
                "Anthropic refuses stop sequences of white space",
            );
        } else {
            out.stop_sequences.push(stop);
        }
    }
    if out.temperature.is_some_and(|temperature| temperature > 1.0) {
        losses.approximated("temperature", "Anthropic's highest is 1");
        out.temperature = Some(1.0);
    }
    if encoding.traits.refuses_sampling() {
        if out.temperature.take().is_some_and(|value| value < 1.0) {
            losses.dropped("temperature", "this model takes no sampling parameters");
        }
        if out.top_p.take().is_some_and(|value| value < 1.0) {
            losses.dropped("top_p", "this model takes no sampling parameters");
        }
        if out.top_k.take().is_some() {
            losses.dropped("top_k", "this model takes no sampling parameters");
        }
        return out;
    }
    if thinking.is_some_and(ThinkingOut::is_made_on) {
        if out.temperature.take().is_some_and(|value| value < 1.0) {
            losses.dropped("temperature", "Claude thinks at temperature 1 only");
        }
        if out.top_k.take().is_some() {
            losses.dropped("top_k", "not with thinking");
        }
        if out.top_p.is_some_and(|value| value < 0.95) {
            out.top_p = None;
            losses.dropped("top_p", "not below 0.95 with thinking");
        }
    }
    if out.temperature.is_some() && out.top_p.is_some() && encoding.traits.refuses_both_samplers() {
        if out.top_p.is_some_and(|value| value < 1.0) {
            losses.dropped("top_p", "this model takes temperature or top_p, not both");
        }
        out.top_p = None;
    }
    out
}

/// Reports what Anthropic has no word for.
fn drop_unknown(encoding: &mut Encoding<'_>, sampling: &Sampling) {
    let request = encoding.request;
    let not_zero = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let lost = [
        ("frequency_penalty", not_zero(sampling.frequency_penalty)),
        ("presence_penalty", not_zero(sampling.presence_penalty)),
        ("seed", sampling.seed.is_some()),
        (
            "logit_bias",
            sampling
                .logit_bias
                .as_ref()
                .is_some_and(|bias| !bias.is_empty()),
        ),
        ("logprobs", request.logprobs == Some(true)),
        (
            "top_logprobs",
            request.top_logprobs.is_some_and(|top| top > 0),
        ),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            encoding
                .losses
                .dropped(field, "Anthropic has no such parameter");
        }
    }
}
