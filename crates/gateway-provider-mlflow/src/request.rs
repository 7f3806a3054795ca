//! Inputs and parameters.
//!
//! Spec: <https://mlflow.org/docs/latest/genai/serving/>, `inputs` and `params`; the cases `mlflow-serving-*`.

use gateway_schema::chat::{ChatRequest, Content, Sampling};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingEncoding, EmbeddingInput, EmbeddingRequest};
use gateway_schema::{CallError, ErrorKind, Extra, Losses, Retry};
use serde_json::{Map, Value, json};

/// A chat turn: one message, whose text is the input.
pub(crate) fn chat(request: &ChatRequest, losses: &mut Losses) -> Result<Value, CallError> {
    let [message] = request.messages.as_slice() else {
        return Err(CallError::client(
            ErrorKind::Unsupported,
            format!(
                "MLflow chat models are only capable of processing a single query at a time. The request submitted \
                 consists of {} queries.",
                request.messages.len()
            ),
        )
        .with_status(422)
        .with_retry(Retry::Elsewhere));
    };
    let lost = [
        (
            "tools",
            request.tools.as_ref().is_some_and(|it| !it.is_empty()),
        ),
        ("response_format", request.response_format.is_some()),
        ("reasoning", request.reasoning.is_some()),
        ("logprobs", request.logprobs == Some(true)),
        ("metadata", request.metadata.is_some()),
        ("service_tier", request.service_tier.is_some()),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            losses.dropped(field, "a model server takes one text");
        }
    }
    for (index, part) in message.parts.iter().enumerate() {
        if !matches!(part.content, Content::Text { .. }) {
            let path = format!("messages[0].content[{index}]");
            losses.dropped(path, "a model server takes one text");
        }
    }
    let mut params = sampling(&request.sampling);
    insert(&mut params, "user", request.user.as_deref());
    Ok(body(json!([message.text()]), params, &request.extra))
}

/// A completion.
pub(crate) fn completion(request: &CompletionRequest) -> Result<Value, CallError> {
    let inputs = match &request.prompt {
        Prompt::Text(text) => json!([text]),
        Prompt::Texts(texts) if texts.len() == 1 => json!(texts),
        Prompt::Texts(_) => {
            return Err(unsupported(
                "prompt: a model server takes one prompt per request.",
            ));
        }
        Prompt::Tokens(_) | Prompt::TokenLists(_) => {
            return Err(unsupported(
                "prompt: a model server takes text, not token ids.",
            ));
        }
    };
    let mut params = sampling(&request.sampling);
    insert(&mut params, "suffix", request.suffix.as_deref());
    insert(&mut params, "echo", request.echo);
    insert(&mut params, "best_of", request.best_of);
    insert(&mut params, "logprobs", request.logprobs);
    insert(&mut params, "user", request.user.as_deref());
    Ok(body(inputs, params, &request.extra))
}

/// Texts to embed.
pub(crate) fn embedding(
    request: &EmbeddingRequest,
    losses: &mut Losses,
) -> Result<Value, CallError> {
    let inputs = match &request.input {
        EmbeddingInput::Text(text) => json!([text]),
        EmbeddingInput::Texts(texts) => json!(texts),
        _ => {
            return Err(unsupported(
                "input: a model server takes text, not token ids.",
            ));
        }
    };
    if request.encoding == Some(EmbeddingEncoding::Base64) {
        losses.approximated("encoding_format", "a model server answers with numbers");
    }
    if request.task.is_some() {
        losses.dropped("task", "a model server takes texts and parameters only");
    }
    let mut params = Map::new();
    insert(&mut params, "dimensions", request.dimensions);
    insert(&mut params, "user", request.user.as_deref());
    Ok(body(inputs, params, &request.extra))
}

/// Which parameters there are is the model's own affair, so all of them go along.
fn body(inputs: Value, mut params: Map<String, Value>, extra: &Extra) -> Value {
    for (name, value) in extra.fields() {
        params.entry(name.as_str()).or_insert_with(|| value.clone());
    }
    let mut body = Map::new();
    body.insert("inputs".to_owned(), inputs);
    if !params.is_empty() {
        body.insert("params".to_owned(), params.into());
    }
    Value::Object(body)
}

fn sampling(sampling: &Sampling) -> Map<String, Value> {
    let mut params = Map::new();
    insert(&mut params, "n", sampling.n);
    let stop = (!sampling.stop.is_empty()).then_some(sampling.stop.as_slice());
    insert(&mut params, "stop", stop);
    insert(&mut params, "max_tokens", sampling.max_tokens);
    let newer = sampling.max_completion_tokens;
    insert(&mut params, "max_completion_tokens", newer);
    insert(&mut params, "temperature", sampling.temperature);
    insert(&mut params, "top_p", sampling.top_p);
    insert(&mut params, "presence_penalty", sampling.presence_penalty);
    insert(&mut params, "frequency_penalty", sampling.frequency_penalty);
    insert(&mut params, "top_k", sampling.top_k);
    insert(&mut params, "seed", sampling.seed);
    insert(&mut params, "logit_bias", sampling.logit_bias.clone());
    params
}

fn insert(params: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        params.insert(name.to_owned(), value.into());
    }
}

fn unsupported(text: &'static str) -> CallError {
    CallError::client(ErrorKind::Unsupported, text).with_retry(Retry::Elsewhere)
}
