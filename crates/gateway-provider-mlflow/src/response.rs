//! Predictions.

use gateway_schema::chat::{ChatResponse, Choice, Part};
use gateway_schema::completion::{CompletionChoice, CompletionResponse};
use gateway_schema::embedding::{Embedding, EmbeddingResponse, Vector};
use gateway_schema::{CallError, ErrorKind, Operation, Response};
use serde_json::Value;

/// Reads the answer to a call of `operation`.
pub(crate) fn read(operation: Operation, answer: &Value) -> Result<Response, CallError> {
    let Some(predictions) = answer.get("predictions") else {
        return Err(unreadable("has no predictions"));
    };
    if operation == Operation::Embedding {
        return Ok(Response::Embedding(Box::new(embeddings(predictions)?)));
    }
    let texts = texts(predictions)?;
    Ok(if operation == Operation::Chat {
        Response::Chat(Box::new(chat(&texts)))
    } else {
        Response::Completion(Box::new(completion(&texts)))
    })
}

/// Texts: a list, or one in an object, alone or as `choices`.
fn texts(predictions: &Value) -> Result<Vec<&str>, CallError> {
    let list = match predictions {
        Value::Object(fields) if fields.len() == 1 => fields.values().next(),
        Value::Object(fields) => match fields.get("choices") {
            Some(choices) => Some(choices),
            None => {
                return Err(unreadable(
                    "has predictions with several keys and none of them is 'choices'",
                ));
            }
        },
        other => Some(other),
    };
    let Some(Value::Array(list)) = list else {
        return Err(unreadable("has predictions that are not a list of text"));
    };
    if list.is_empty() {
        return Err(unreadable("has an empty list of predictions"));
    }
    let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    texts.ok_or_else(|| unreadable("has predictions that are not text"))
}

/// Vectors: a list of them, or one alone.
fn embeddings(predictions: &Value) -> Result<EmbeddingResponse, CallError> {
    let bad = || unreadable("has predictions that are not lists of numbers");
    let list = predictions.as_array().ok_or_else(bad)?;
    let vectors = if list.iter().all(Value::is_number) {
        vec![numbers(predictions)]
    } else {
        list.iter().map(numbers).collect()
    };
    let mut response = EmbeddingResponse::default();
    for (index, vector) in (0..).zip(vectors) {
        let vector = vector.ok_or_else(bad)?;
        if vector.is_empty() {
            return Err(unreadable("has an empty vector among its predictions"));
        }
        response.embeddings.push(Embedding {
            index,
            vector: Vector::Floats(vector),
        });
    }
    Ok(response)
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn chat(texts: &[&str]) -> ChatResponse {
    let mut response = ChatResponse::default();
    for (index, text) in (0..).zip(texts) {
        let mut choice = Choice::default();
        choice.index = index;
        choice.parts = vec![Part::text(*text)];
        response.choices.push(choice);
    }
    response
}

fn completion(texts: &[&str]) -> CompletionResponse {
    let mut response = CompletionResponse::default();
    for (index, text) in (0..).zip(texts) {
        let mut choice = CompletionChoice::default();
        choice.index = index;
        (*text).clone_into(&mut choice.text);
        response.choices.push(choice);
    }
    response
}

/// An answer that is not as it should be.
fn unreadable(what: &str) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        format!("The model server's answer {what}."),
    )
}
