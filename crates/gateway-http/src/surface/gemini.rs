//! Google's Gemini API: `models/{name}:generateContent` and its siblings below `/v1beta`, `/v1` and `/gateway/gemini`.
//! `{name}` is an endpoint or a route. `/v1/models` is shared with OpenAI's clients; the header `x-goog-api-key` tells
//! them apart.
//!
//! Reference: <https://ai.google.dev/api>, read 2026-11-21.

use gateway_dialect::ClientCodec as _;
use gateway_dialect::gemini::GeminiCodec;
use gateway_provider::StreamForm;
use gateway_schema::{CallError, ErrorKind, Operation};
use serde_json::{Value, json};

use super::{Action, Answer, Asked, Codec, Named, Question, Route, Surface, Verb, parameter};
use crate::directory::EndpointInfo;

pub(super) struct Gemini;

static EVENTS: Codec = Codec {
    client: &GeminiCodec::EVENTS,
    decode: &|operation, body| GeminiCodec::EVENTS.decode(operation, body),
};
static ARRAY: Codec = Codec {
    client: &GeminiCodec::ARRAY,
    decode: &|operation, body| GeminiCodec::ARRAY.decode(operation, body),
};
static BATCH: Codec = Codec {
    client: &GeminiCodec::BATCH,
    decode: &|operation, body| GeminiCodec::BATCH.decode(operation, body),
};

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json; charset=UTF-8";

static ROUTES: &[Route] = &[
    Route::post(
        "/models/{name}",
        Action::Ask(Named::Path, Asked::ByVerb(verb)),
    ),
    Route::tell("/models", models).when("x-goog-api-key"),
    Route::tell("/models/{name}", model).when("x-goog-api-key"),
];

impl Surface for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn codec(&self) -> Option<&'static Codec> {
        Some(&EVENTS)
    }

    fn bases(&self) -> &'static [&'static str] {
        &[
            "/v1beta",
            "/v1",
            "/gateway/gemini/v1beta",
            "/gateway/gemini/v1",
        ]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn credential_in_query(&self, query: &str) -> Option<String> {
        parameter(query, "key")
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty())
    }
}

/// Reads `{name}:verb` and `alt`.
fn verb(segment: &str, query: Option<&str>) -> Result<Verb, CallError> {
    let Some((name, word)) = segment.rsplit_once(':') else {
        return Err(unknown(segment));
    };
    let alt = query.and_then(|query| parameter(query, "alt"));
    let is_array = match alt.as_deref() {
        None | Some("json" | "") => true,
        Some("sse") => false,
        Some(other) => {
            return Err(CallError::client(
                ErrorKind::InvalidRequest,
                format!("alt is '{other}'; 'sse' or 'json' is expected."),
            ));
        }
    };
    let stream = word == "streamGenerateContent";
    let (operation, codec) = match word {
        "streamGenerateContent" if is_array => (Operation::Chat, &ARRAY),
        "generateContent" | "streamGenerateContent" => (Operation::Chat, &EVENTS),
        "countTokens" => (Operation::CountTokens, &EVENTS),
        "embedContent" => (Operation::Embedding, &EVENTS),
        "batchEmbedContents" => (Operation::Embedding, &BATCH),
        _ => return Err(unknown(segment)),
    };
    let (form, stream_type) = if stream && is_array {
        (StreamForm::JsonArray, JSON)
    } else {
        (StreamForm::Events, SSE)
    };
    Ok(Verb {
        name: name.to_owned(),
        operation,
        stream,
        form,
        stream_type,
        codec,
    })
}

fn unknown(segment: &str) -> CallError {
    CallError::client(
        ErrorKind::NotFound,
        format!(
            "There is nothing at models/{segment}; a model has generateContent, streamGenerateContent, countTokens, \
             embedContent and batchEmbedContents."
        ),
    )
    .with_code("unknown_url")
}

/// The page of models that the query asks for: `pageSize`, `pageToken`.
fn models(question: &Question<'_>) -> Result<Answer, CallError> {
    const DEFAULT_SIZE: usize = 50;
    let number = |name: &'static str, default: usize| match question.parameter(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| {
            CallError::client(
                ErrorKind::InvalidRequest,
                format!("{name} is '{text}'; a whole number is expected."),
            )
        }),
    };
    let size = number("pageSize", DEFAULT_SIZE)?.clamp(1, 1000);
    let start = number("pageToken", 0)?;
    let all = question.models();
    let rest = all.get(start..).unwrap_or_default();
    let page = rest.get(..size).unwrap_or(rest);
    let mut body = json!({ "models": page.iter().map(|model| shape(model)).collect::<Vec<_>>() });
    if page.len() < rest.len()
        && let Value::Object(fields) = &mut body
    {
        let next = start.saturating_add(size).to_string();
        fields.insert("nextPageToken".to_owned(), next.into());
    }
    Ok(Answer::json(&body))
}

fn model(question: &Question<'_>) -> Result<Answer, CallError> {
    question.model().map(|model| Answer::json(&shape(&model)))
}

fn shape(model: &EndpointInfo) -> Value {
    let methods: &[&str] = match model.operation {
        Operation::Chat => &["generateContent", "countTokens"],
        Operation::Embedding => &["embedContent", "batchEmbedContents"],
        _ => &[],
    };
    json!({
        "name": format!("models/{}", model.name),
        "version": "1",
        "displayName": model.name.as_str(),
        "supportedGenerationMethods": methods,
    })
}
