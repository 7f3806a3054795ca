//! Vectors: requests in, replies out.

use bytes::Bytes;
use gateway_schema::embedding::{
    EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, Vector,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Retry};
use serde_json::{Map, Value, json};

use super::super::{put, usage};
use super::reply::finish_body;
use crate::ReplyInfo;
use crate::node::{Node, Reader, request_fields, to_bytes};

/// Reads a request for vectors.
///
/// Pictures are for models of Cohere only, and reach them on the same-dialect lane.
pub(super) fn decode(body: &[u8]) -> Result<EmbeddingRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut request = EmbeddingRequest::new(EmbeddingInput::Texts(Vec::new()));
    request.encoding = Some(EmbeddingEncoding::Float);
    let mut extra = Map::new();
    let mut texts = None;
    for (key, node) in fields {
        match key.as_ref() {
            "model" => request.model = reader.text("model", node),
            "texts" => texts = reader.list("texts", node, text).or(texts),
            "images" if !node.is_void() => return Err(pictures("images")),
            "inputs" => texts = inputs(&mut reader, node)?.or(texts),
            "input_type" => request.task = reader.text("input_type", node).map(task),
            "output_dimension" => request.dimensions = reader.u32("output_dimension", &node),
            "embedding_types" => match one_type(&node) {
                Some("float") => {}
                Some("base64") => request.encoding = Some(EmbeddingEncoding::Base64),
                _ if node.is_void() => {}
                _ => {
                    extra.insert(key.into_owned(), node.into_value());
                }
            },
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    match texts {
        Some(texts) => request.input = EmbeddingInput::Texts(texts),
        None => reader.missing("texts", "a list of strings"),
    }
    request.extra = Extra::of(Dialect::COHERE, extra);
    reader.finish(request)
}

fn text(reader: &mut Reader, node: Node<'_>) -> Option<String> {
    match node {
        Node::Text(text) => Some(text.into_owned()),
        other => {
            reader.wrong(&other, "a string");
            None
        }
    }
}

/// `inputs`: lists of parts, of which only texts can be read.
fn inputs(reader: &mut Reader, node: Node<'_>) -> Result<Option<Vec<String>>, CallError> {
    let mut picture = false;
    let texts = reader.list("inputs", node, |reader, input| {
        let Some(Node::List(parts)) = input.get("content") else {
            reader.missing("content", "a list of parts");
            return None;
        };
        let mut said = Vec::new();
        for part in parts {
            match part.get("text").and_then(Node::as_text) {
                Some(text) => said.push(text),
                None => picture = true,
            }
        }
        Some(said.join("\n"))
    });
    if picture {
        return Err(pictures("inputs"));
    }
    Ok(texts)
}

fn pictures(field: &str) -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        format!("{field}: only Cohere makes vectors of pictures; this endpoint's provider is given texts."),
    )
    .with_retry(Retry::Elsewhere)
}

fn task(word: String) -> EmbeddingTask {
    match word.as_str() {
        "search_query" => EmbeddingTask::Query,
        "search_document" => EmbeddingTask::Document,
        "classification" => EmbeddingTask::Classification,
        "clustering" => EmbeddingTask::Clustering,
        _ => EmbeddingTask::Other(word),
    }
}

/// The only kind of vectors that is asked for.
fn one_type<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node {
        Node::List(items) => match items.as_slice() {
            [one] => one.as_text(),
            _ => None,
        },
        _ => None,
    }
}

/// Writes vectors, sorted by the way they are written.
pub(super) fn encode(
    response: &EmbeddingResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    let mut ordered: Vec<_> = response.embeddings.iter().collect();
    ordered.sort_by_key(|embedding| embedding.index);
    let mut kinds = Map::new();
    for embedding in ordered {
        let (kind, vector) = match &embedding.vector {
            Vector::Floats(numbers) => ("float", json!(numbers)),
            Vector::Base64(text) => ("base64", text.as_str().into()),
        };
        if let Value::Array(list) = kinds.entry(kind).or_insert_with(|| json!([])) {
            list.push(vector);
        }
    }
    let mut body = Map::new();
    let id = response.id.as_deref().unwrap_or(&info.id);
    put(&mut body, "id", Some(id));
    body.insert("embeddings".to_owned(), Value::Object(kinds));
    put(
        &mut body,
        "meta",
        Some(usage::write_meta(response.usage.as_ref())),
    );
    put(&mut body, "response_type", Some("embeddings_by_type"));
    finish_body(&mut body, &response.extra, losses);
    to_bytes(&body)
}
