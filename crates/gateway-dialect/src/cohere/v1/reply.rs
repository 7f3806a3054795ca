//! Whole replies of the first version.

use gateway_schema::chat::{ChatResponse, Choice, Part};
use gateway_schema::completion::{CompletionChoice, CompletionResponse};
use gateway_schema::{CallError, Usage};
use serde_json::{Map, Value};

use super::super::{error, finish, items, object, text, unreadable, usage};
use crate::node;

/// Reads a reply of `/v1/chat`. MLflow states no finish reason.
///
/// # Errors
/// Of origin upstream: an error in place of a reply, or something that is not a reply.
pub fn decode_chat(body: &[u8]) -> Result<ChatResponse, CallError> {
    let mut fields = object(body)?;
    let Some(said) = text(&mut fields, "text") else {
        return Err(no_answer(fields, "it has no text"));
    };
    let mut choice = Choice::default();
    choice.parts = vec![Part::text(said)];
    let mut response = ChatResponse::default();
    response.id = id(&fields);
    response.usage = consumed(&fields);
    response.choices = vec![choice];
    Ok(response)
}

/// Reads a reply of `/v1/generate`. MLflow states neither id nor finish reason nor usage; the usage is stated here.
///
/// # Errors
/// As [`decode_chat`].
pub fn decode_completion(body: &[u8]) -> Result<CompletionResponse, CallError> {
    let mut fields = object(body)?;
    let generations = items(fields.remove("generations"));
    if generations.is_empty() {
        return Err(no_answer(fields, "it has no generations"));
    }
    let mut response = CompletionResponse::default();
    for (index, generation) in (0..).zip(generations) {
        let mut choice = CompletionChoice::default();
        choice.index = index;
        let said = generation.get("text").and_then(Value::as_str);
        said.unwrap_or_default().clone_into(&mut choice.text);
        response.choices.push(choice);
    }
    response.usage = consumed(&fields);
    Ok(response)
}

fn no_answer(fields: Map<String, Value>, why: &str) -> CallError {
    if fields.get("message").is_some_and(Value::is_string) {
        return error::inside_good_status(fields);
    }
    unreadable("answer", why)
}

/// True for the name of a failure.
pub(super) fn is_failure(reason: &str) -> bool {
    finish::is_failure(reason)
}

pub(super) fn id(fields: &Map<String, Value>) -> Option<String> {
    let id = fields.get("response_id")?.as_str()?;
    Some(id.to_owned())
}

/// Consumption: `token_count` of the older service, `meta` of the present one.
pub(super) fn consumed(fields: &Map<String, Value>) -> Option<Usage> {
    if let Some(counts) = fields.get("token_count") {
        let count = |key| counts.get(key).and_then(node::count);
        let mut usage = Usage::default();
        usage.input_tokens = count("prompt_tokens");
        usage.output_tokens = count("response_tokens");
        usage.total_tokens = count("total_tokens");
        return Some(usage);
    }
    let mut usage = usage::read(fields.get("meta")?)?;
    usage.extra = Map::new();
    Some(usage)
}
