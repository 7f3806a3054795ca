//! Embeddings, both ways: `embedContent` and `batchEmbedContents`, and Vertex AI's `predict`.
//!
//! References, read 2026-11-21: <https://ai.google.dev/api/embeddings>,
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_schema::chat::Content;
use gateway_schema::embedding::{
    Embedding, EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse,
    EmbeddingTask, Vector,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Retry, Usage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::names::camel;
use super::part::{Calls, parts};
use super::request::{content_text, known_model};
use super::usage;
use crate::node::{self, Fields, Node, Reader, request_fields, to_bytes};
use crate::{EncodedRequest, RequestOptions};

/// Google's words for what vectors are for.
const TASKS: [(&str, EmbeddingTask); 5] = [
    ("RETRIEVAL_QUERY", EmbeddingTask::Query),
    ("RETRIEVAL_DOCUMENT", EmbeddingTask::Document),
    ("CLASSIFICATION", EmbeddingTask::Classification),
    ("CLUSTERING", EmbeddingTask::Clustering),
    ("SEMANTIC_SIMILARITY", EmbeddingTask::Similarity),
];

/// Reads a request of either method: `requests` stands in a batch only.
pub(super) fn decode_request(body: &[u8]) -> Result<(EmbeddingRequest, Losses), CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut losses = Losses::new();
    let mut request = EmbeddingRequest::new(EmbeddingInput::Text(String::new()));
    let batch = fields
        .iter()
        .any(|(key, node)| key == "requests" && !node.is_null());
    if batch {
        let mut texts = Vec::new();
        for (key, node) in fields {
            if &*key == "requests" {
                reader.list("requests", node, |reader, item| {
                    let text = one(reader, item.into_fields(), &mut request, &mut losses);
                    texts.push(text);
                    None::<()>
                });
            }
        }
        request.input = EmbeddingInput::Texts(texts);
    } else {
        let text = one(&mut reader, fields, &mut request, &mut losses);
        request.input = EmbeddingInput::Text(text);
    }
    let request = reader.finish(request)?;
    Ok((request, losses))
}

/// Reads one text with its settings; those of the last text of a batch count for all.
fn one(
    reader: &mut Reader,
    fields: Fields<'_>,
    request: &mut EmbeddingRequest,
    losses: &mut Losses,
) -> String {
    let mut text = String::new();
    let mut extra = Map::new();
    let mut has_content = false;
    for (key, node) in fields {
        if node.is_null() {
            continue;
        }
        let key = camel(key);
        match &*key {
            "content" => {
                has_content = true;
                text = reader.at("content", |reader| content(reader, node, losses));
            }
            "model" => request.model = known_model(reader, node),
            "taskType" => request.task = reader.text("taskType", node).map(|word| task(&word)),
            "outputDimensionality" => {
                request.dimensions = reader.u32("outputDimensionality", &node);
            }
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !has_content {
        reader.missing("content", "a content with text");
    }
    if !extra.is_empty() {
        request.extra = Extra::of(Dialect::GEMINI, extra);
    }
    text
}

fn content(reader: &mut Reader, node: Node<'_>, losses: &mut Losses) -> String {
    let found = match node {
        Node::Text(text) => return text.into_owned(),
        Node::Object(fields) => fields,
        other => {
            reader.wrong(&other, "an object");
            return String::new();
        }
    };
    let mut text = String::new();
    for (key, node) in found {
        if &*key != "parts" {
            continue;
        }
        for part in parts(reader, node, &mut Calls::of_reply()) {
            match part.content {
                Content::Text { text: more, .. } => text.push_str(&more),
                _ => losses.dropped("content.parts", "only text is translated"),
            }
        }
    }
    text
}

fn task(word: &str) -> EmbeddingTask {
    TASKS.iter().find(|(name, _)| *name == word).map_or_else(
        || EmbeddingTask::Other(word.to_owned()),
        |(_, task)| task.clone(),
    )
}

fn task_word(task: &EmbeddingTask) -> &str {
    if let EmbeddingTask::Other(word) = task {
        return word;
    }
    TASKS
        .iter()
        .find(|(_, known)| known == task)
        .map_or("TASK_TYPE_UNSPECIFIED", |(word, _)| *word)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a, C> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    content: C,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Batch<T> {
    requests: Vec<T>,
}

/// An encoded request for vectors.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingBody {
    /// The body, and what it could not carry.
    pub encoded: EncodedRequest,
    /// Whether it is for `batchEmbedContents`, not for `embedContent`.
    pub batch: bool,
}

/// Writes a request for the vectors of one text (`embedContent`) or of several (`batchEmbedContents`).
///
/// # Errors
/// The caller's: token ids, which Gemini does not take.
pub fn encode_embedding(
    request: &EmbeddingRequest,
    options: &RequestOptions<'_>,
) -> Result<EmbeddingBody, CallError> {
    let mut losses = Losses::new();
    let (texts, batch) = texts(request)?;
    report(request, &mut losses);
    let model = || Some(format!("models/{}", options.model));
    let write = |text, model| One {
        model,
        content: content_text(text),
        task_type: request.task.as_ref().map(task_word),
        output_dimensionality: request.dimensions,
        extra: request.extra.for_dialect(Dialect::GEMINI),
    };
    let body = match texts.as_slice() {
        [text] if !batch => to_bytes(&write(text, None))?,
        _ => to_bytes(&Batch {
            requests: texts.iter().map(|text| write(text, model())).collect(),
        })?,
    };
    Ok(EmbeddingBody {
        encoded: EncodedRequest { body, losses },
        batch,
    })
}

fn texts(request: &EmbeddingRequest) -> Result<(Vec<&str>, bool), CallError> {
    match &request.input {
        EmbeddingInput::Text(text) => Ok((vec![text.as_str()], false)),
        EmbeddingInput::Texts(texts) => Ok((texts.iter().map(String::as_str).collect(), true)),
        _ => Err(CallError::client(
            ErrorKind::Unsupported,
            "input: Gemini takes text, not token ids.",
        )
        .with_retry(Retry::Elsewhere)),
    }
}

fn report(request: &EmbeddingRequest, losses: &mut Losses) {
    if request.user.is_some() {
        losses.dropped("user", "Gemini has no such parameter");
    }
    if request.encoding == Some(EmbeddingEncoding::Base64) {
        losses.approximated("encoding_format", "Gemini writes numbers");
    }
    if let Some(dialect) = request.extra.dialect()
        && dialect != Dialect::GEMINI
    {
        for key in request.extra.fields().keys() {
            losses.dropped(key.as_str(), format!("only {dialect} knows this field"));
        }
    }
}

/// Reads the vectors that either method replies with.
///
/// # Errors
/// Of origin upstream: something without vectors.
pub fn decode_embedding(body: &[u8]) -> Result<EmbeddingResponse, CallError> {
    let mut response = EmbeddingResponse::default();
    let mut found = None;
    for (key, node) in node::answer(body)?.into_fields() {
        match &*camel(key) {
            "embedding" => found = Some(vec![node]),
            "embeddings" => found = Some(node.into_list()),
            "usageMetadata" => response.usage = usage::read(node),
            _ => {}
        }
    }
    let found = found.ok_or_else(without_vectors)?;
    for (place, node) in found.into_iter().enumerate() {
        let values = node.get("values").cloned().unwrap_or(Node::Null);
        response.embeddings.push(vector(place, values));
    }
    Ok(response)
}

fn vector(place: usize, values: Node<'_>) -> Embedding {
    let floats = values
        .into_list()
        .into_iter()
        .filter_map(|value| match value {
            Node::Number(number) => number.as_f64(),
            _ => None,
        })
        .collect();
    Embedding {
        index: u32::try_from(place).unwrap_or(u32::MAX),
        vector: Vector::Floats(floats),
    }
}

fn without_vectors() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's reply has no embeddings.",
    )
}

/// Writes a request of Vertex AI's `predict`.
///
/// # Errors
/// As [`encode_embedding`].
pub fn encode_predict(request: &EmbeddingRequest) -> Result<EncodedRequest, CallError> {
    let mut losses = Losses::new();
    let (texts, _) = texts(request)?;
    report(request, &mut losses);
    let known = request.extra.for_dialect(Dialect::GEMINI);
    let title = known.and_then(|extra| extra.get("title"));
    let instances: Vec<Value> = texts
        .into_iter()
        .map(|text| {
            let mut instance = Map::new();
            instance.insert("content".to_owned(), text.into());
            if let Some(task) = &request.task {
                instance.insert("task_type".to_owned(), task_word(task).into());
            }
            if let Some(title) = title {
                instance.insert("title".to_owned(), title.clone());
            }
            Value::Object(instance)
        })
        .collect();
    let mut body = json!({ "instances": instances });
    if let (Some(dimensions), Value::Object(fields)) = (request.dimensions, &mut body) {
        fields.insert(
            "parameters".to_owned(),
            json!({ "outputDimensionality": dimensions }),
        );
    }
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Reads the vectors that Vertex AI's `predict` replies with.
///
/// # Errors
/// As [`decode_embedding`].
pub fn decode_predict(body: &[u8]) -> Result<EmbeddingResponse, CallError> {
    let mut response = EmbeddingResponse::default();
    let answer = node::answer(body)?;
    let Some(Node::List(predictions)) = answer.get("predictions").cloned() else {
        return Err(without_vectors());
    };
    let mut tokens = None;
    for (place, prediction) in predictions.into_iter().enumerate() {
        let found = prediction.get("embeddings").cloned().unwrap_or(Node::Null);
        let counted = found
            .get("statistics")
            .and_then(|statistics| statistics.get("token_count")?.as_u64());
        if let Some(counted) = counted {
            *tokens.get_or_insert(0_u64) += counted;
        }
        let values = found.get("values").cloned().unwrap_or(Node::Null);
        response.embeddings.push(vector(place, values));
    }
    response.usage = tokens.map(|tokens| Usage::new(tokens, 0));
    Ok(response)
}

/// Writes vectors for a client of either method.
pub(super) fn encode_response(
    response: &EmbeddingResponse,
    batch: bool,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    if let Some(dialect) = response.extra.dialect()
        && dialect != Dialect::GEMINI
    {
        for key in response.extra.fields().keys() {
            losses.dropped(key.as_str(), format!("only {dialect} knows this field"));
        }
    }
    let mut vectors = Vec::with_capacity(response.embeddings.len());
    for embedding in &response.embeddings {
        let values = match &embedding.vector {
            Vector::Floats(floats) => json!(floats),
            Vector::Base64(text) => json!(floats_of(text)?),
        };
        vectors.push(json!({ "values": values }));
    }
    let body = if batch {
        json!({ "embeddings": vectors })
    } else {
        json!({ "embedding": vectors.into_iter().next() })
    };
    to_bytes(&body)
}

/// Little-endian 32-bit floats in base64.
fn floats_of(text: &str) -> Result<Vec<f32>, CallError> {
    let bytes = STANDARD.decode(text).map_err(|error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider sent a vector that cannot be read.",
        )
        .with_detail(error.to_string())
    })?;
    let (chunks, _) = bytes.as_chunks::<4>();
    Ok(chunks
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect())
}
