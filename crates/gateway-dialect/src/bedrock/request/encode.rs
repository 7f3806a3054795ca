//! Requests out.

use super::super::set;
use gateway_schema::chat::{ChatRequest, ResponseFormat};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping, Retry};
use serde_json::{Map, Value, json};

use super::super::model::Traits;
use super::{additional, messages, reasoning, tools};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// How a model without structured output is asked for JSON.
const JSON_ONLY: &str = "Respond with only a single valid JSON object. Do not include any explanatory text, markdown, \
                         or code fences before or after the JSON object.";

/// A request being written.
#[derive(Debug)]
pub(super) struct Encoding<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) traits: Traits,
    mapping: Mapping,
    pub(super) losses: Losses,
}

/// Writes a request of Converse and ConverseStream; the model and whether a stream is wanted stand in the path.
///
/// # Errors
/// The caller's: something that no model on Bedrock can do, or a history that cannot be written.
pub fn encode_chat(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let (body, losses) = encode(request, options)?;
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Writes a request for the number of input tokens.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_count(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let (mut body, losses) = encode(request, options)?;
    body.retain(|key, _| {
        matches!(
            key.as_str(),
            "messages" | "system" | "toolConfig" | "additionalModelRequestFields"
        )
    });
    Ok(EncodedRequest {
        body: to_bytes(&json!({"input": {"converse": body}}))?,
        losses,
    })
}

/// The parameters of `request` as Converse spells them, messages left out: what a configuration adds to requests that
/// lack it.
///
/// # Errors
/// As [`encode_chat`].
pub fn additional_defaults(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<Map<String, Value>, CallError> {
    let (mut body, _) = encode(request, options)?;
    body.retain(|key, _| !matches!(key.as_str(), "messages" | "system"));
    Ok(body)
}

fn encode(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<(Map<String, Value>, Losses), CallError> {
    let mut encoding = Encoding {
        request,
        traits: Traits::of(options.model),
        mapping: options.mapping,
        losses: Losses::new(),
    };
    encoding.one_answer()?;
    let mut body = encoding.extra();
    let mut fields = match body.shift_remove("additionalModelRequestFields") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let instruction = encoding.format(&mut body);
    let (system, turns) = messages::write(&mut encoding, instruction)?;
    let (tool_config, forced) = tools::write(&mut encoding);
    let thinks = reasoning::write(&mut encoding, forced, &mut fields);
    let inference = encoding.inference(thinks, &mut fields);
    body.insert("messages".to_owned(), turns.into());
    let lists = [
        ("system", Value::from(system)),
        ("inferenceConfig", inference.into()),
    ];
    for (key, value) in lists {
        if !is_empty(&value) {
            body.insert(key.to_owned(), value);
        }
    }
    if let Some(config) = tool_config {
        body.insert("toolConfig".to_owned(), config);
    }
    if !fields.is_empty() {
        body.insert("additionalModelRequestFields".to_owned(), fields.into());
    }
    encoding.rest(&mut body);
    Ok((body, encoding.losses))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

impl Encoding<'_> {
    /// True on MLflow's own URLs.
    pub(super) fn is_mlflow(&self) -> bool {
        self.mapping == Mapping::Mlflow
    }

    /// True when the caller speaks this dialect.
    pub(super) fn is_native(&self) -> bool {
        self.request.extra.dialect() == Some(Dialect::BEDROCK)
    }

    fn one_answer(&mut self) -> Result<(), CallError> {
        match self.request.sampling.n {
            None | Some(1) => Ok(()),
            // MLflow drops `n` for Bedrock chat.
            Some(_) if self.is_mlflow() => {
                self.losses
                    .dropped("n", "Bedrock models give one answer per request");
                Ok(())
            }
            Some(n) => Err(CallError::client(
                ErrorKind::Unsupported,
                format!("n: Bedrock models give one answer per request, {n} were asked for."),
            )
            .with_retry(Retry::Elsewhere)),
        }
    }

    /// Fields without a place of their own: Bedrock's go back as they came, any other is lost.
    fn extra(&mut self) -> Map<String, Value> {
        let extra = &self.request.extra;
        match extra.dialect() {
            None => Map::new(),
            Some(Dialect::BEDROCK) => extra.fields().clone(),
            Some(dialect) => {
                for (key, value) in extra.fields() {
                    if !value.is_null() {
                        self.losses
                            .dropped(key.as_str(), format!("only {dialect} knows this field"));
                    }
                }
                Map::new()
            }
        }
    }

    /// The form of the answer: a field where the model knows it, a sentence for the system prompt otherwise.
    fn format(&mut self, body: &mut Map<String, Value>) -> Option<String> {
        match &self.request.response_format {
            None | Some(ResponseFormat::Text) => None,
            Some(ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                ..
            }) => {
                if self.traits.takes_schemas() {
                    let mut inner = json!({"schema": schema.to_string()});
                    set(
                        &mut inner,
                        "name",
                        name.as_deref().unwrap_or("answer").into(),
                    );
                    if let Some(description) = description {
                        set(&mut inner, "description", description.as_str().into());
                    }
                    let format = json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": inner}}});
                    body.insert("outputConfig".to_owned(), format);
                    return None;
                }
                self.losses.approximated(
                    "response_format",
                    "this model has no structured output; it is asked in the system prompt",
                );
                Some(format!(
                    "{JSON_ONLY} The object must follow this JSON Schema: {schema}"
                ))
            }
            Some(_) => {
                self.losses.approximated(
                    "response_format",
                    "Bedrock knows schemas only; the model is asked for JSON in the system prompt",
                );
                Some(JSON_ONLY.to_owned())
            }
        }
    }

    /// `inferenceConfig`, and what of sampling belongs into the vendor's own fields.
    fn inference(&mut self, thinks: bool, fields: &mut Map<String, Value>) -> Map<String, Value> {
        let sampling = &self.request.sampling;
        let mut temperature = sampling.temperature;
        let mut top_p = sampling.top_p;
        let mut top_k = sampling.top_k;
        if temperature.is_some_and(|value| value > 1.0) && !self.is_mlflow() {
            self.losses
                .approximated("temperature", "Bedrock's highest is 1");
            temperature = Some(1.0);
        }
        let silenced = if self.traits.refuses_sampling() {
            Some("this model takes no sampling parameters")
        } else {
            thinks.then_some("not while Claude thinks")
        };
        if let Some(why) = silenced {
            if temperature.take().is_some_and(|value| value < 1.0) {
                self.losses.dropped("temperature", why);
            }
            if top_p.take().is_some_and(|value| value < 1.0) {
                self.losses.dropped("top_p", why);
            }
            if top_k.take().is_some() {
                self.losses.dropped("top_k", why);
            }
        } else if temperature.is_some()
            && self.traits.refuses_both_samplers()
            && top_p.take().is_some_and(|value| value < 1.0)
        {
            self.losses
                .dropped("top_p", "this model takes temperature or top_p, not both");
        }
        let mut out = Map::new();
        if let Some(limit) = sampling.output_limit() {
            out.insert("maxTokens".to_owned(), limit.into());
        }
        if let Some(temperature) = temperature {
            out.insert("temperature".to_owned(), temperature.into());
        }
        if let Some(top_p) = top_p {
            out.insert("topP".to_owned(), top_p.into());
        }
        let stop: Vec<&str> = sampling
            .stop
            .iter()
            .map(String::as_str)
            .filter(|stop| !stop.is_empty())
            .collect();
        if !stop.is_empty() {
            out.insert("stopSequences".to_owned(), stop.into());
        }
        if let Some(k) = top_k {
            match additional::top_k(self.traits.family, k) {
                Some((key, Value::Object(inner))) => {
                    let slot = fields.entry(key).or_insert_with(|| json!({}));
                    if let Value::Object(slot) = slot {
                        slot.extend(inner);
                    }
                }
                Some((key, value)) => {
                    fields.insert(key.to_owned(), value);
                }
                None => self
                    .losses
                    .dropped("top_k", "this model has no such parameter"),
            }
        }
        self.report_sampling();
        out
    }

    /// Reports what Bedrock has no word for.
    fn report_sampling(&mut self) {
        let request = self.request;
        let sampling = &request.sampling;
        let not_zero = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
        let lost = [
            ("frequency_penalty", not_zero(sampling.frequency_penalty)),
            ("presence_penalty", not_zero(sampling.presence_penalty)),
            ("seed", sampling.seed.is_some()),
            ("logit_bias", sampling.logit_bias.is_some()),
            ("logprobs", request.logprobs == Some(true)),
            ("top_logprobs", request.top_logprobs.is_some()),
            ("user", request.user.is_some()),
        ];
        for (field, is_lost) in lost {
            if is_lost {
                self.losses.dropped(field, "Bedrock has no such parameter");
            }
        }
    }

    /// Notes and the service class.
    fn rest(&mut self, body: &mut Map<String, Value>) {
        let request = self.request;
        if let Some(notes) = request.metadata.as_ref().filter(|notes| !notes.is_empty()) {
            let mut kept = Map::new();
            for (key, value) in notes {
                if value.is_string() && key.len() <= 256 {
                    kept.insert(key.clone(), value.clone());
                } else {
                    self.losses.dropped(
                        format!("metadata.{key}"),
                        "Bedrock keeps notes of text only",
                    );
                }
            }
            if !kept.is_empty() && !self.is_mlflow() {
                body.insert("requestMetadata".to_owned(), kept.into());
            }
        }
        match request.service_tier.as_deref() {
            None | Some("auto") => {}
            Some(tier @ ("default" | "flex" | "priority" | "reserved")) => {
                body.insert("serviceTier".to_owned(), json!({"type": tier}));
            }
            Some(_) => self
                .losses
                .dropped("service_tier", "Bedrock has no service class of this name"),
        }
    }
}
