//! Embedding vectors.

use gateway_schema::embedding::{
    Embedding, EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse,
    EmbeddingTask, Vector,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Retry};
use serde_json::{Map, Value};

use super::{error, model, object, put, text, unreadable, usage};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// Cohere's own parameters: a caller of another dialect that names one means it.
const OWN: [&str; 5] = [
    "embedding_types",
    "images",
    "input_type",
    "max_tokens",
    "truncate",
];

/// Writes a request for vectors.
///
/// # Errors
/// The caller's: token ids, which Cohere does not take.
pub fn encode_embedding(
    request: &EmbeddingRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let mut losses = Losses::new();
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    body.insert("texts".to_owned(), texts(&request.input)?.into());
    let all = request.extra.dialect() == Some(Dialect::COHERE);
    for (key, value) in request.extra.fields() {
        if all || OWN.contains(&key.as_str()) {
            body.insert(key.clone(), value.clone());
        } else if !value.is_null() {
            losses.dropped(key.as_str(), "Cohere has no such parameter");
        }
    }
    if model::wants_input_type(options.model) {
        let task = task(request.task.as_ref(), &mut losses);
        body.entry("input_type").or_insert_with(|| task.into());
    }
    let encoding = match request.encoding {
        Some(EmbeddingEncoding::Base64) => "base64",
        _ => "float",
    };
    body.entry("embedding_types")
        .or_insert_with(|| vec![encoding].into());
    put(&mut body, "output_dimension", request.dimensions);
    if request.user.is_some() {
        losses.dropped("user", "Cohere has no such parameter");
    }
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// The texts; Cohere wants a list even of one.
pub(super) fn texts(input: &EmbeddingInput) -> Result<Vec<String>, CallError> {
    match input {
        EmbeddingInput::Text(text) => Ok(vec![text.clone()]),
        EmbeddingInput::Texts(texts) => Ok(texts.clone()),
        _ => Err(CallError::client(
            ErrorKind::Unsupported,
            "input: Cohere takes text, not token ids.",
        )
        .with_retry(Retry::Elsewhere)),
    }
}

pub(super) fn task<'a>(task: Option<&'a EmbeddingTask>, losses: &mut Losses) -> &'a str {
    match task {
        Some(EmbeddingTask::Query) => "search_query",
        Some(EmbeddingTask::Classification) => "classification",
        Some(EmbeddingTask::Clustering) => "clustering",
        Some(EmbeddingTask::Other(word)) => word,
        Some(EmbeddingTask::Similarity) => {
            losses.approximated("task", "Cohere has no similarity: search_document");
            "search_document"
        }
        _ => "search_document",
    }
}

/// Reads a reply of either version: a list of vectors, or lists by the way they are written. Of several ways the
/// first of numbers, base64, anything else counts.
///
/// # Errors
/// Of origin upstream, when there is no list of vectors in it.
pub fn decode_embedding(body: &[u8]) -> Result<EmbeddingResponse, CallError> {
    let mut fields = object(body)?;
    let list = match fields.remove("embeddings") {
        Some(Value::Array(list)) => list,
        Some(Value::Object(mut kinds)) => {
            let found = ["float", "base64"]
                .iter()
                .find_map(|kind| kinds.remove(*kind))
                .or_else(|| kinds.into_iter().next().map(|(_, list)| list));
            match found {
                Some(Value::Array(list)) => list,
                _ => return Err(unreadable("answer", "it has no list of embeddings")),
            }
        }
        _ if fields.get("message").is_some_and(Value::is_string) => {
            return Err(error::inside_good_status(fields));
        }
        _ => return Err(unreadable("answer", "it has no embeddings")),
    };
    let mut response = EmbeddingResponse::default();
    for (index, vector) in (0..).zip(list) {
        let Some(vector) = read(vector) else {
            return Err(unreadable("answer", "an embedding is no list of numbers"));
        };
        response.embeddings.push(Embedding { index, vector });
    }
    response.id = text(&mut fields, "id");
    let meta = fields.remove("meta");
    response.usage = meta.as_ref().and_then(usage::read);
    // The texts come back as they were sent.
    fields.retain(|key, value| {
        !matches!(key.as_str(), "texts" | "response_type") && !value.is_null()
    });
    response.extra = Extra::of(Dialect::COHERE, fields);
    Ok(response)
}

fn read(vector: Value) -> Option<Vector> {
    match vector {
        Value::String(text) => Some(Vector::Base64(text)),
        Value::Array(numbers) => numbers
            .iter()
            .map(Value::as_f64)
            .collect::<Option<_>>()
            .map(Vector::Floats),
        _ => None,
    }
}
