//! Parameters of a request, by OpenAI's names, whichever dialect they came in.

use gateway_provider::Call;
use gateway_schema::chat::{ChatRequest, Effort, ResponseFormat, Sampling};
use gateway_schema::{CallError, Dialect, FieldError, Operation, Request};
use serde_json::{Value, json};

/// Dialects whose parameters have these very names at the top of the body: what is not there was not said.
const AS_WRITTEN: [Dialect; 2] = [Dialect::OPENAI, Dialect::MLFLOW];

/// Parameters that other dialects spell in their own way.
const KNOWN: [&str; 18] = [
    "dimensions",
    "frequency_penalty",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "temperature",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
];

/// Whether the parameter `name` has this value: as it is written at the top of the body, else in canonical form.
pub(super) fn has(call: &Call, name: &str, expected: &Value) -> Result<bool, CallError> {
    if name == "stream" {
        // Some dialects say this in the URL.
        return Ok(*expected == Value::Bool(call.stream));
    }
    if let Some((bytes, envelope)) = call.payload.envelope() {
        if let Some((found, _)) = envelope.misspelt(bytes, &[name]) {
            return Err(ambiguous(found, name));
        }
        if let Some(written) = envelope.get(bytes, name) {
            let written: Option<Value> = serde_json::from_slice(written).ok();
            return Ok(written.is_some_and(|written| agrees(&written, expected)));
        }
        let as_written = call
            .payload
            .dialect()
            .is_some_and(|dialect| AS_WRITTEN.contains(&dialect));
        if as_written {
            return Ok(*expected == Value::Null);
        }
    }
    if call.operation == Operation::Proxy || !KNOWN.contains(&name) {
        return Ok(*expected == Value::Null);
    }
    let said = canonical(&call.canonical()?.value, name).unwrap_or_default();
    Ok(agrees(&said, expected))
}

/// A rule must not miss what some providers find.
fn ambiguous(found: &str, name: &str) -> CallError {
    let message = format!(
        "it differs from '{name}' in the case of its letters alone, and a rule reads '{name}'"
    );
    let fault = FieldError::new(vec![found.into()], "ambiguous_member", message);
    CallError::fields(vec![fault])
}

/// Whether `value` is what is expected: numbers by their value, objects in the fields that are expected.
fn agrees(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Object(fields), Value::Object(expected)) => expected
            .iter()
            .all(|(name, expected)| agrees(fields.get(name).unwrap_or(&Value::Null), expected)),
        (Value::Array(items), Value::Array(expected)) => {
            items.len() == expected.len()
                && items
                    .iter()
                    .zip(expected)
                    .all(|(item, other)| agrees(item, other))
        }
        _ => value == expected,
    }
}

fn canonical(request: &Request, name: &str) -> Option<Value> {
    match request {
        Request::Chat(chat) => of_chat(chat, name),
        Request::Completion(completion) => match name {
            "user" => completion.user.as_ref().map(|user| json!(user)),
            _ => of_sampling(&completion.sampling, name),
        },
        Request::Embedding(embedding) => match name {
            "dimensions" => embedding.dimensions.map(Value::from),
            "user" => embedding.user.as_ref().map(|user| json!(user)),
            _ => None,
        },
        _ => None,
    }
}

fn of_chat(chat: &ChatRequest, name: &str) -> Option<Value> {
    match name {
        "logprobs" => chat.logprobs.map(Value::from),
        "parallel_tool_calls" => chat.parallel_tool_calls.map(Value::from),
        "reasoning_effort" => {
            let effort = chat.reasoning.as_ref()?.effort.as_ref()?;
            serde_json::to_value::<&Effort>(effort).ok()
        }
        "response_format" => chat.response_format.as_ref().map(|format| match format {
            ResponseFormat::JsonObject => json!({"type": "json_object"}),
            ResponseFormat::JsonSchema { .. } => json!({"type": "json_schema"}),
            _ => json!({"type": "text"}),
        }),
        "service_tier" => chat.service_tier.as_ref().map(|tier| json!(tier)),
        "top_logprobs" => chat.top_logprobs.map(Value::from),
        "user" => chat.user.as_ref().map(|user| json!(user)),
        _ => of_sampling(&chat.sampling, name),
    }
}

fn of_sampling(sampling: &Sampling, name: &str) -> Option<Value> {
    match name {
        "frequency_penalty" => sampling.frequency_penalty.map(Value::from),
        "max_completion_tokens" | "max_tokens" => sampling.output_limit().map(Value::from),
        "n" => sampling.n.map(Value::from),
        "presence_penalty" => sampling.presence_penalty.map(Value::from),
        "seed" => sampling.seed.map(Value::from),
        "stop" if !sampling.stop.is_empty() => Some(json!(sampling.stop)),
        "temperature" => sampling.temperature.map(Value::from),
        "top_k" => sampling.top_k.map(Value::from),
        "top_p" => sampling.top_p.map(Value::from),
        _ => None,
    }
}
