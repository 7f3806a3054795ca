//! Answers, in pieces that several vendors share.

use gateway_schema::chat::{ChatResponse, Choice, Finish, Part};
use gateway_schema::completion::{CompletionChoice, CompletionResponse};
use gateway_schema::embedding::{Embedding, EmbeddingResponse, Vector};
use gateway_schema::{Response, Usage};
use serde_json::Value;

/// One continuation.
pub(crate) fn choice(index: u32, text: &str, finish: Option<Finish>) -> CompletionChoice {
    let mut choice = CompletionChoice::default();
    choice.index = index;
    text.clone_into(&mut choice.text);
    choice.finish = finish;
    choice
}

/// A completion of these texts.
pub(crate) fn completion(choices: Vec<CompletionChoice>, usage: Option<Usage>) -> Response {
    let mut response = CompletionResponse::default();
    response.choices = choices;
    response.usage = usage;
    Response::Completion(Box::new(response))
}

/// A chat turn of these texts.
pub(crate) fn chat(texts: Vec<&str>) -> Response {
    let mut response = ChatResponse::default();
    response.choices = (0..)
        .zip(texts)
        .map(|(index, text)| {
            let mut choice = Choice::default();
            choice.index = index;
            choice.parts = vec![Part::text(text)];
            choice
        })
        .collect();
    Response::Chat(Box::new(response))
}

/// Vectors in order.
pub(crate) fn embeddings(vectors: Vec<Vec<f64>>) -> Response {
    let mut response = EmbeddingResponse::default();
    response.embeddings = (0..)
        .zip(vectors)
        .map(|(index, numbers)| Embedding {
            index,
            vector: Vector::Floats(numbers),
        })
        .collect();
    Response::Embedding(Box::new(response))
}

/// A list of numbers; `None` when it is none.
pub(crate) fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

/// The items of a list that is not empty.
pub(crate) fn items(value: Option<&Value>) -> Option<&Vec<Value>> {
    value?.as_array().filter(|items| !items.is_empty())
}
