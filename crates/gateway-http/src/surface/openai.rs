//! OpenAI's chat completions, completions, embeddings and models: below `/v1`, `/openai/v1`, `/gateway/openai/v1` and
//! `/gateway/mlflow/v1`. `model` names an endpoint or a route.
//!
//! Reference: <https://platform.openai.com/docs/api-reference>, read 2026-11-21.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::openai;
use gateway_schema::{CallError, Operation};
use serde_json::{Value, json};

use super::{Answer, Codec, Json, Question, Route, Surface};
use crate::directory::{EndpointInfo, EndpointKind};

pub(super) struct OpenAi;

pub(super) static CODEC: Codec = Codec {
    client: &openai::OpenAi,
    decode: &|operation, body| openai::OpenAi.decode(operation, body),
};

static ROUTES: &[Route] = &[
    Route::ask("/chat/completions", Operation::Chat),
    Route::ask("/completions", Operation::Completion),
    Route::ask("/embeddings", Operation::Embedding),
    Route::tell("/models", models),
    Route::tell("/models/{name}", model),
];

impl Surface for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &[
            "/v1",
            "/openai/v1",
            "/gateway/openai/v1",
            "/gateway/mlflow/v1",
        ]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn wants_usage(&self, body: Json<'_>) -> bool {
        wants_usage(body)
    }
}

/// Whether `stream_options` asks for usage.
pub(super) fn wants_usage(body: Json<'_>) -> bool {
    body.get("stream_options")
        .and_then(|text| serde_json::from_slice::<Value>(text).ok())
        .and_then(|options| options.get("include_usage")?.as_bool())
        .unwrap_or(false)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
fn models(question: &Question<'_>) -> Result<Answer, CallError> {
    let models = question.models();
    let data: Vec<Value> = models.iter().map(|model| shape(model)).collect();
    Ok(Answer::json(&json!({"object": "list", "data": data})))
}

fn model(question: &Question<'_>) -> Result<Answer, CallError> {
    question.model().map(|model| Answer::json(&shape(&model)))
}

fn shape(model: &EndpointInfo) -> Value {
    let owner = match &model.kind {
        EndpointKind::Endpoint { provider, .. } => provider.as_str(),
        EndpointKind::Route { .. } => "gateway",
    };
    json!({
        "id": model.name.as_str(),
        "object": "model",
        "created": model.created,
        "owned_by": owner,
    })
}
