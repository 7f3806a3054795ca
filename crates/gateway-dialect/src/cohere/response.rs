//! Whole replies of chat.

use gateway_schema::chat::{ChatResponse, Choice, Content, Part, ToolCall};
use gateway_schema::{CallError, Dialect, Extra};
use serde_json::{Map, Value, json};

use super::{citation, error, finish, items, object, text, unreadable, usage};
use crate::node;

/// Reads a reply of chat.
///
/// # Errors
/// Of origin upstream: an error in place of a reply, an answer that failed, or something that is not a reply.
pub fn decode_chat(body: &[u8]) -> Result<ChatResponse, CallError> {
    let mut fields = object(body)?;
    let reason = text(&mut fields, "finish_reason");
    if let Some(reason) = reason
        .as_deref()
        .filter(|reason| finish::is_failure(reason))
    {
        let error = error::remote(fields, reason);
        return Err(crate::failure::error_within(Dialect::COHERE, &error));
    }
    let message = match fields.remove("message") {
        Some(Value::Object(message)) => message,
        Some(said @ Value::String(_)) => {
            fields.insert("message".to_owned(), said);
            return Err(error::inside_good_status(fields));
        }
        _ => return Err(unreadable("answer", "it has no message")),
    };
    let mut response = ChatResponse::default();
    response.id = text(&mut fields, "id");
    let mut choice = Choice::default();
    choice.parts = parts(message);
    choice.finish = reason.as_deref().map(finish::read);
    choice.logprobs = fields.remove("logprobs").and_then(|stated| {
        let pieces: Vec<Value> = items(Some(stated)).iter().filter_map(logprob).collect();
        (!pieces.is_empty()).then(|| json!({"content": pieces}))
    });
    response.choices = vec![choice];
    response.usage = fields
        .remove("usage")
        .and_then(|stated| usage::read(&stated));
    fields.retain(|_, value| !value.is_null());
    response.extra = Extra::of(Dialect::COHERE, fields);
    Ok(response)
}

/// What the model said: its plan, its content with citations, its calls.
pub(super) fn parts(mut message: Map<String, Value>) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(plan) = text(&mut message, "tool_plan").filter(|plan| !plan.is_empty()) {
        parts.push(Part::thinking(plan));
    }
    let plans = parts.len();
    parts.extend(
        items(message.remove("content"))
            .into_iter()
            .filter_map(content),
    );
    for value in items(message.remove("citations")) {
        let index = value.get("content_index").and_then(node::count);
        let index = index.and_then(|index| usize::try_from(index).ok());
        cite(parts.get_mut(plans..).unwrap_or_default(), index, &value);
    }
    parts.extend(items(message.remove("tool_calls")).iter().filter_map(call));
    parts
}

fn content(value: Value) -> Option<Part> {
    if let Value::String(said) = value {
        return Some(Part::text(said));
    }
    let said = |key| value.get(key).and_then(Value::as_str);
    match (said("text"), said("thinking")) {
        (Some(text), _) => Some(Part::text(text)),
        (None, Some(thinking)) => Some(Part::thinking(thinking)),
        (None, None) if value.is_null() => None,
        (None, None) => Some(Part::new(Content::Opaque {
            dialect: Dialect::COHERE,
            value,
        })),
    }
}

/// Puts a citation to the text it is about; the first text if it does not say.
fn cite(parts: &mut [Part], index: Option<usize>, value: &Value) {
    let is_text = |part: &Part| matches!(part.content, Content::Text { .. });
    let place = index
        .filter(|index| parts.get(*index).is_some_and(is_text))
        .or_else(|| parts.iter().position(is_text));
    if let Some(part) = place.and_then(|place| parts.get_mut(place))
        && let Content::Text { citations, .. } = &mut part.content
    {
        citations.extend(citation::read(value));
    }
}

fn call(value: &Value) -> Option<Part> {
    let function = value.get("function")?;
    let name = function.get("name")?.as_str()?;
    Some(Part::new(Content::ToolCall(ToolCall {
        id: value.get("id").and_then(Value::as_str).map(str::to_owned),
        name: name.to_owned(),
        arguments: arguments(function.get("arguments")),
    })))
}

/// Arguments are JSON text; a model's object is written as such.
pub(super) fn arguments(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// One piece of token probabilities in OpenAI's form. Cohere states them per piece of text, which may be several
/// tokens: the probability of the piece is their product.
pub(super) fn logprob(value: &Value) -> Option<Value> {
    let numbers = value.get("logprobs")?.as_array()?;
    let sum: f64 = numbers.iter().filter_map(Value::as_f64).sum();
    let token = value
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(json!({"token": token, "logprob": sum, "bytes": token.as_bytes(), "top_logprobs": []}))
}
