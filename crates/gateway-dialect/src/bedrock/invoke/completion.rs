//! Completions out.

use gateway_schema::chat::Sampling;
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping, Retry};
use serde_json::{Map, Value, json};

use super::Vendor;
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// Which parameters a vendor knows, besides limit, temperature and stop.
struct Knows {
    n: bool,
    stop: bool,
    penalties: bool,
    seed: bool,
    suffix: bool,
}

impl Vendor {
    const fn knows(self) -> Knows {
        let none = Knows {
            n: false,
            stop: true,
            penalties: false,
            seed: false,
            suffix: false,
        };
        match self {
            Self::Ai21 | Self::Cohere => Knows { n: true, ..none },
            Self::Llama => Knows {
                stop: false,
                ..none
            },
            _ => none,
        }
    }
}

/// Writes a completion for a vendor of [`Vendor::of`], Claude excepted.
///
/// # Errors
/// The caller's: several prompts, or several answers where the vendor gives one.
pub fn encode_completion(
    request: &CompletionRequest,
    vendor: Vendor,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let mlflow = options.mapping == Mapping::Mlflow;
    let prompt = one_text(&request.prompt)?;
    let knows = vendor.knows();
    check(request, vendor, &knows, mlflow)?;
    let mut losses = Losses::new();
    report(request, &knows, &mut losses);
    let temperature = temperature(request, vendor, mlflow, &mut losses);
    let body = body(request, vendor, prompt, temperature, mlflow)?;
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// The body in the vendor's words.
fn body(
    request: &CompletionRequest,
    vendor: Vendor,
    prompt: &str,
    temperature: Option<f64>,
    mlflow: bool,
) -> Result<Map<String, Value>, CallError> {
    let sampling = &request.sampling;
    let limit = sampling.output_limit().map(Value::from);
    let stop = list(&sampling.stop);
    let temperature = temperature.map(Value::from);
    let top_p = sampling.top_p.map(Value::from);
    let top_k = sampling.top_k.map(Value::from);
    Ok(match vendor {
        Vendor::Titan => {
            let mut config = fields([
                ("maxTokenCount", limit),
                ("stopSequences", stop),
                ("temperature", temperature),
                ("topP", top_p),
            ]);
            if mlflow {
                config.extend(request.extra.fields().clone());
            }
            let mut body = fields([("inputText", Some(prompt.into()))]);
            if !config.is_empty() {
                body.insert("textGenerationConfig".to_owned(), config.into());
            }
            body
        }
        Vendor::Nova => nova(sampling, prompt, temperature),
        Vendor::Ai21 => fields([
            ("prompt", Some(prompt.into())),
            ("maxTokens", limit),
            ("temperature", temperature),
            ("topP", top_p),
            ("stopSequences", stop),
            ("numResults", several(sampling)),
        ]),
        Vendor::Cohere => fields([
            ("prompt", Some(prompt.into())),
            ("max_tokens", limit),
            ("temperature", temperature),
            ("p", top_p),
            ("k", top_k),
            ("stop_sequences", stop),
            ("num_generations", several(sampling)),
            ("stream", request.stream.then_some(Value::Bool(true))),
        ]),
        Vendor::Llama => fields([
            ("prompt", Some(prompt.into())),
            ("max_gen_len", limit),
            ("temperature", temperature),
            ("top_p", top_p),
        ]),
        Vendor::Mistral => fields([
            ("prompt", Some(prompt.into())),
            ("max_tokens", limit),
            ("temperature", temperature),
            ("top_p", top_p),
            ("top_k", top_k),
            ("stop", stop),
        ]),
        Vendor::Claude => {
            return Err(CallError::gateway(
                ErrorKind::Internal,
                "Claude's completions are written elsewhere.",
            ));
        }
    })
}

/// How many answers, if more than one.
fn several(sampling: &Sampling) -> Option<Value> {
    sampling.n.filter(|n| *n > 1).map(Value::from)
}

/// Nova completes by a chat turn.
fn nova(sampling: &Sampling, prompt: &str, temperature: Option<Value>) -> Map<String, Value> {
    let limit = sampling.output_limit().map(Value::from);
    let stop = list(&sampling.stop);
    let top_p = sampling.top_p.map(Value::from);

    let mut inference = fields([
        ("maxTokens", limit),
        ("stopSequences", stop),
        ("temperature", temperature),
        ("topP", top_p),
    ]);
    if let Some(k) = sampling.top_k {
        inference.insert("topK".to_owned(), k.into());
    }
    let mut body = fields([
        ("schemaVersion", Some("messages-v1".into())),
        (
            "messages",
            Some(json!([{"role": "user", "content": [{"text": prompt}]}])),
        ),
    ]);
    if !inference.is_empty() {
        body.insert("inferenceConfig".to_owned(), inference.into());
    }
    body
}

/// The one text of a prompt.
fn one_text(prompt: &Prompt) -> Result<&str, CallError> {
    match prompt {
        Prompt::Text(text) => Ok(text),
        Prompt::Texts(texts) => match texts.as_slice() {
            [text] => Ok(text),
            _ => Err(unsupported("prompt: Bedrock takes one prompt per request.")),
        },
        Prompt::Tokens(_) | Prompt::TokenLists(_) => {
            Err(unsupported("prompt: Bedrock takes text, not token ids."))
        }
    }
}

/// Refuses what the vendor cannot do at all, on MLflow's URLs with MLflow's status.
fn check(
    request: &CompletionRequest,
    vendor: Vendor,
    knows: &Knows,
    mlflow: bool,
) -> Result<(), CallError> {
    let sampling = &request.sampling;
    let status = |error: CallError| {
        if mlflow {
            error.with_status(422)
        } else {
            error
        }
    };
    if let Some(n) = sampling.n.filter(|n| *n != 1 && !knows.n) {
        return Err(status(unsupported(format!(
            "'n' must be '1' for this Amazon Bedrock model. Received value: '{n}'."
        ))));
    }
    if mlflow && vendor == Vendor::Titan && sampling.top_p == Some(0.0) {
        return Err(status(CallError::client(
            ErrorKind::InvalidRequest,
            "'top_p' must be above 0 for Amazon Titan.",
        )));
    }
    Ok(())
}

/// MLflow's clients say 0 to 2, Titan 0 to 1, Cohere 0 to 5.
fn temperature(
    request: &CompletionRequest,
    vendor: Vendor,
    mlflow: bool,
    losses: &mut Losses,
) -> Option<f64> {
    let temperature = request.sampling.temperature?;
    match vendor {
        Vendor::Titan if mlflow => return Some(temperature / 2.0),
        Vendor::Cohere if mlflow => return Some(temperature * 2.5),
        Vendor::Cohere => return Some(temperature),
        _ if mlflow => return Some(temperature),
        _ => {}
    }
    if temperature > 1.0 {
        losses.approximated("temperature", "this model's highest is 1");
    }
    Some(temperature.min(1.0))
}

fn report(request: &CompletionRequest, knows: &Knows, losses: &mut Losses) {
    let sampling = &request.sampling;
    let not_zero = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let lost = [
        ("suffix", request.suffix.is_some() && !knows.suffix),
        ("echo", request.echo == Some(true)),
        ("best_of", request.best_of.is_some_and(|best| best > 1)),
        ("logprobs", request.logprobs.is_some()),
        ("user", request.user.is_some()),
        ("seed", sampling.seed.is_some() && !knows.seed),
        ("stop", !sampling.stop.is_empty() && !knows.stop),
        (
            "frequency_penalty",
            not_zero(sampling.frequency_penalty) && !knows.penalties,
        ),
        (
            "presence_penalty",
            not_zero(sampling.presence_penalty) && !knows.penalties,
        ),
        ("logit_bias", sampling.logit_bias.is_some()),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            losses.dropped(field, "this model has no such parameter");
        }
    }
    if request.extra.dialect() != Some(Dialect::BEDROCK) {
        for key in request.extra.fields().keys() {
            losses.dropped(key.as_str(), "this model has no such parameter");
        }
    }
}

/// Fields that are there.
fn fields<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    all.into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn list(items: &[String]) -> Option<Value> {
    (!items.is_empty()).then(|| items.into())
}

fn unsupported(text: impl Into<std::borrow::Cow<'static, str>>) -> CallError {
    CallError::client(ErrorKind::Unsupported, text).with_retry(Retry::Elsewhere)
}
