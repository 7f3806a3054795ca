//! What bytes mean, read by somebody who knows the vendors' references and not the gateway: plain trees, no types shared
//! with what is judged. First answer only.

mod bedrock;
mod claude;
mod cohere;
mod gemini;
mod openai;
mod responses;

use serde_json::Value;

pub use bedrock::{bedrock, bedrock_stream};
pub use claude::{anthropic, anthropic_stream};
pub use cohere::{cohere, cohere_stream};
pub use gemini::{gemini, gemini_stream};
pub use openai::{mlflow_stream, openai, openai_stream};
pub use responses::{responses, responses_stream};

/// What a reader finds in the first answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What was said.
    pub text: String,
    /// What was thought, as far as it is shown.
    pub thinking: String,
    /// What was declined, where that has a place of its own.
    pub refusal: String,
    /// The client's tools that were called: name and arguments. Arguments that are no JSON stay text.
    pub calls: Vec<(String, Value)>,
    /// Why it ended: `stop`, `length`, `tools`, `filter`, or anything else as it stands.
    pub finish: Option<String>,
    /// The whole prompt in tokens, cached parts included.
    pub input: Option<u64>,
    /// Everything generated in tokens, reasoning included.
    pub output: Option<u64>,
    /// Tokens read from a cache.
    pub cached: Option<u64>,
    /// The proofs of reasoning, in order.
    pub proofs: Vec<String>,
    /// The call is in OpenAI's first form, `function_call`.
    pub legacy: bool,
    /// An error was told.
    pub error: bool,
    /// The answer ended as its format demands.
    pub ended: bool,
}

/// A text at a key; nothing when there is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list at a key.
fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// What stands at a key, or null.
fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// Arguments: JSON where they are JSON, and no arguments are an empty object.
fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// The `data:` of server-sent events, parsed; what is no JSON is left out.
fn events(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    text.split("\n\n")
        .filter_map(|block| {
            let data: Vec<&str> = block
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .collect();
            serde_json::from_str(&data.join("\n")).ok()
        })
        .collect()
}

fn says_done(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("data: [DONE]")
}

/// The larger of what is known and what is stated.
fn newer(known: &mut Option<u64>, stated: &Value) {
    if let Some(number) = stated.as_u64() {
        *known = Some(number);
    }
}
