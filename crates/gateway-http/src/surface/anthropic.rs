//! Anthropic's Messages API: `/v1/messages` and `count_tokens` beside it, also below `/anthropic` and
//! `/gateway/anthropic`. `/v1/models` is shared with OpenAI's clients; the header `anthropic-version` tells them apart.
//!
//! Reference: <https://platform.claude.com/docs/en/api/overview>, read 2026-11-21.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::anthropic::AnthropicCodec;
use gateway_schema::{CallError, ErrorKind, Operation};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{Answer, Codec, Done, Question, Route, Surface};
use crate::directory::EndpointInfo;
use crate::reply::ANTHROPIC_REQUEST_ID;

pub(super) struct Anthropic;

static CODEC: Codec = Codec {
    client: &AnthropicCodec,
    decode: &|operation, body| AnthropicCodec.decode(operation, body),
};

static ROUTES: &[Route] = &[
    Route::ask("/messages", Operation::Chat),
    Route::ask("/messages/count_tokens", Operation::CountTokens),
    Route::tell("/models", models).when("anthropic-version"),
    Route::tell("/models/{name}", model).when("anthropic-version"),
];

impl Surface for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&CODEC)
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/v1", "/anthropic/v1", "/gateway/anthropic/v1"]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn finish(&self, done: &Done<'_>, headers: &mut HeaderMap) {
        headers.insert(ANTHROPIC_REQUEST_ID, done.request_id.clone());
    }
}

/// The page of models that the query asks for: `limit`, `after_id`, `before_id`.
fn models(question: &Question<'_>) -> Result<Answer, CallError> {
    const DEFAULT_LIMIT: usize = 20;
    let limit = match question.parameter("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=1000).contains(limit))
            .ok_or_else(|| {
                CallError::client(
                    ErrorKind::InvalidRequest,
                    format!("limit is '{text}'; a number from 1 to 1000 is expected."),
                )
            })?,
    };
    let all = question.models();
    let place = |parameter: &str| {
        let name = question.parameter(parameter)?;
        all.iter().position(|model| model.name.as_str() == name)
    };
    let after = place("after_id").map_or(0, |at| at + 1);
    let before = place("before_id").unwrap_or(all.len());
    let between = all.get(after..before).unwrap_or_default();
    let page = between.get(..limit).unwrap_or(between);
    let name = |model: Option<&std::sync::Arc<EndpointInfo>>| {
        model.map_or(Value::Null, |model| Value::from(model.name.as_str()))
    };
    Ok(Answer::json(&json!({
        "data": page.iter().map(|model| shape(model)).collect::<Vec<_>>(),
        "has_more": page.len() < between.len(),
        "first_id": name(page.first()),
        "last_id": name(page.last()),
    })))
}

fn model(question: &Question<'_>) -> Result<Answer, CallError> {
    question.model().map(|model| Answer::json(&shape(&model)))
}

fn shape(model: &EndpointInfo) -> Value {
    let created = jiff::Timestamp::from_second(model.created).unwrap_or_default();
    json!({
        "type": "model",
        "id": model.name.as_str(),
        "display_name": model.name.as_str(),
        "created_at": created.to_string(),
    })
}
