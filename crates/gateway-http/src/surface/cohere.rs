//! Cohere's API, version 2: `/v2/chat`, `/v2/embed` and `/v2/rerank`, also below `/cohere` and `/gateway/cohere`; there
//! the list of models of version 1 is too, because version 2 has none. `model` names an endpoint or a route.
//!
//! Reference: <https://docs.cohere.com/reference/about>, read 2026-11-21.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::cohere::CohereCodec;
use gateway_schema::{CallError, Operation};
use serde_json::{Value, json};

use super::{Answer, Codec, Question, Route, Surface};
use crate::directory::EndpointInfo;

/// Chat, vectors and ranks.
pub(super) struct Cohere;

/// What else Cohere's clients ask for. The paths alone belong to others.
pub(super) struct CohereModels;

const NAME: &str = "cohere";

static CODEC: Codec = Codec {
    client: &CohereCodec,
    decode: &|operation, body| CohereCodec.decode(operation, body),
};

static ROUTES: &[Route] = &[
    Route::ask("/chat", Operation::Chat),
    Route::ask("/embed", Operation::Embedding),
    Route::ask("/rerank", Operation::Rerank),
];

static MODELS: &[Route] = &[
    Route::tell("/models", models),
    Route::tell("/models/{name}", model),
];

impl Surface for Cohere {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/v2", "/cohere/v2", "/gateway/cohere/v2"]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }
}

impl Surface for CohereModels {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/cohere/v1", "/gateway/cohere/v1"]
    }

    fn routes(&self) -> &'static [Route] {
        MODELS
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn models(question: &Question<'_>) -> Result<Answer, CallError> {
    let wanted = question.parameter("endpoint");
    let models: Vec<Value> = question
        .models()
        .iter()
        .filter(|model| wanted.as_deref().is_none_or(|it| kind(model) == Some(it)))
        .map(|model| shape(model))
        .collect();
    Ok(Answer::json(&json!({ "models": models })))
}

fn model(question: &Question<'_>) -> Result<Answer, CallError> {
    question.model().map(|model| Answer::json(&shape(&model)))
}

/// What Cohere calls what an endpoint does.
fn kind(model: &EndpointInfo) -> Option<&'static str> {
    match model.operation {
        Operation::Chat => Some("chat"),
        Operation::Embedding => Some("embed"),
        Operation::Rerank => Some("rerank"),
        _ => None,
    }
}

fn shape(model: &EndpointInfo) -> Value {
    let kinds: Vec<&str> = kind(model).into_iter().collect();
    json!({
        "name": model.name.as_str(),
        "is_deprecated": false,
        "endpoints": kinds,
        "finetuned": false,
    })
}
