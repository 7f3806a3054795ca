//! `generationConfig`.

use std::borrow::Cow;

use gateway_schema::Dialect;
use gateway_schema::chat::ResponseFormat;
use serde::Serialize;
use serde_json::{Map, Value};

use super::encode::Encoding;
use super::reasoning::{self, ThinkingOut};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Cow<'a, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingOut<'a>>,
    #[serde(flatten)]
    rest: Option<&'a Map<String, Value>>,
}

/// Writes the configuration; `None` when the request leaves everything open.
pub(super) fn write<'a>(encoding: &mut Encoding<'a>) -> Option<ConfigOut<'a>> {
    let request = encoding.request;
    let sampling = &request.sampling;
    let (response_mime_type, response_json_schema) = format(encoding);
    let thinking_config = reasoning::write(encoding);
    drop_unknown(encoding);
    let top = request.top_logprobs.filter(|top| *top > 0);
    let rest = request
        .extra
        .for_dialect(Dialect::GEMINI)
        .and_then(|extra| extra.get("generationConfig")?.as_object());
    let out = ConfigOut {
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        // MLflow always says it.
        candidate_count: sampling.n.or(encoding.is_mlflow().then_some(1)),
        max_output_tokens: sampling.output_limit(),
        stop_sequences: sampling.stop.iter().map(String::as_str).collect(),
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        seed: sampling.seed,
        response_logprobs: request.logprobs,
        logprobs: top,
        response_mime_type,
        response_json_schema,
        thinking_config,
        rest,
    };
    let is_void = matches!(
        &out,
        ConfigOut {
            temperature: None,
            top_p: None,
            top_k: None,
            candidate_count: None,
            max_output_tokens: None,
            presence_penalty: None,
            frequency_penalty: None,
            seed: None,
            response_logprobs: None,
            logprobs: None,
            response_mime_type: None,
            response_json_schema: None,
            thinking_config: None,
            rest: None,
            ..
        }
    ) && out.stop_sequences.is_empty();
    (!is_void).then_some(out)
}

fn format<'a>(encoding: &mut Encoding<'a>) -> (Option<&'static str>, Option<Cow<'a, Value>>) {
    const JSON: &str = "application/json";
    match &encoding.request.response_format {
        None => (None, None),
        Some(ResponseFormat::Text) => {
            let own = encoding.request.extra.dialect() == Some(Dialect::GEMINI);
            (own.then_some("text/plain"), None)
        }
        Some(ResponseFormat::JsonObject) => (Some(JSON), None),
        Some(ResponseFormat::JsonSchema {
            schema,
            description,
            ..
        }) => {
            if description.is_some() {
                encoding.losses.dropped(
                    "response_format.json_schema.description",
                    "Gemini takes only the schema",
                );
            }
            (Some(JSON), Some(Cow::Borrowed(schema)))
        }
        Some(_) => {
            encoding
                .losses
                .dropped("response_format", "Gemini has no such form");
            (None, None)
        }
    }
}

/// Reports what Gemini has no word for.
fn drop_unknown(encoding: &mut Encoding<'_>) {
    let request = encoding.request;
    let lost = [
        (
            "logit_bias",
            request
                .sampling
                .logit_bias
                .as_ref()
                .is_some_and(|bias| !bias.is_empty()),
        ),
        (
            "parallel_tool_calls",
            request.parallel_tool_calls == Some(false),
        ),
        ("user", request.user.is_some()),
        (
            "metadata",
            request
                .metadata
                .as_ref()
                .is_some_and(|notes| !notes.is_empty()),
        ),
        (
            "service_tier",
            request
                .service_tier
                .as_deref()
                .is_some_and(|tier| tier != "auto" && tier != "default"),
        ),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            encoding
                .losses
                .dropped(field, "Gemini has no such parameter");
        }
    }
}
