//! Embeddings, both ways.

use super::super::set;
use gateway_schema::embedding::{
    Embedding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, Vector,
};
use gateway_schema::{CallError, ErrorKind, Losses, Retry, Usage};
use serde_json::{Value, json};

use super::super::unreadable;
use super::Counts;
use crate::EncodedRequest;
use crate::node::{self, to_bytes};

/// Whose body a model of embeddings takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Embedder {
    /// Amazon Titan, version 1: one text.
    Titan,
    /// Amazon Titan, version 2: one text, and how long the vector shall be.
    TitanTwo,
    /// Amazon Nova: one text.
    Nova,
    /// Cohere: many texts.
    Cohere,
}

impl Embedder {
    /// The embedder that `model` is; a name that is not known counts as Titan, as with MLflow.
    pub fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        if model.contains("cohere.") {
            Self::Cohere
        } else if model.contains("nova") {
            Self::Nova
        } else if model.contains("titan-embed-text-v2") || model.contains("titan-embed-g1-text-02")
        {
            Self::TitanTwo
        } else {
            Self::Titan
        }
    }

    /// True when a request holds one text only.
    pub fn takes_one(self) -> bool {
        self != Self::Cohere
    }
}

/// Writes a request. Of embedders that take one text it must hold one.
///
/// # Errors
/// The caller's: token ids, or several texts for an embedder that takes one.
pub fn encode_embedding(
    request: &EmbeddingRequest,
    embedder: Embedder,
) -> Result<EncodedRequest, CallError> {
    let texts: Vec<&str> = match &request.input {
        EmbeddingInput::Text(text) => vec![text],
        EmbeddingInput::Texts(texts) => texts.iter().map(String::as_str).collect(),
        _ => {
            return Err(CallError::client(
                ErrorKind::Unsupported,
                "input: Bedrock takes text, not token ids.",
            )
            .with_retry(Retry::Elsewhere));
        }
    };
    let mut losses = Losses::new();
    if request.user.is_some() {
        losses.dropped("user", "Bedrock has no such parameter");
    }
    for key in request.extra.fields().keys() {
        losses.dropped(key.as_str(), "Bedrock has no such parameter");
    }
    let one = || match texts.as_slice() {
        [text] => Ok(*text),
        _ => Err(CallError::client(
            ErrorKind::Unsupported,
            "input: this model takes one text per request.",
        )),
    };
    let body = match embedder {
        Embedder::Titan => {
            if request.dimensions.is_some() {
                losses.dropped("dimensions", "this model's vectors have one length");
            }
            json!({"inputText": one()?})
        }
        Embedder::TitanTwo => {
            let mut body = json!({"inputText": one()?});
            if let Some(dimensions) = request.dimensions {
                set(&mut body, "dimensions", dimensions.into());
            }
            body
        }
        Embedder::Nova => {
            let purpose = match &request.task {
                Some(EmbeddingTask::Query) => "GENERIC_RETRIEVAL",
                Some(EmbeddingTask::Classification) => "CLASSIFICATION",
                Some(EmbeddingTask::Clustering) => "CLUSTERING",
                Some(EmbeddingTask::Other(word)) => word,
                _ => "GENERIC_INDEX",
            };
            let mut parameters = json!({
                "embeddingPurpose": purpose,
                "text": {"truncationMode": "END", "value": one()?},
            });
            if let Some(dimensions) = request.dimensions {
                set(&mut parameters, "embeddingDimension", dimensions.into());
            }
            json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters})
        }
        Embedder::Cohere => {
            let task = match &request.task {
                Some(EmbeddingTask::Query) => "search_query",
                Some(EmbeddingTask::Classification) => "classification",
                Some(EmbeddingTask::Clustering) => "clustering",
                Some(EmbeddingTask::Other(word)) => word,
                _ => "search_document",
            };
            let mut body = json!({"texts": texts, "input_type": task});
            if let Some(dimensions) = request.dimensions {
                set(&mut body, "output_dimension", dimensions.into());
            }
            body
        }
    };
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Reads a reply.
///
/// # Errors
/// Of origin upstream, when there is no vector in it.
pub fn decode_embedding(body: &[u8], counts: Counts) -> Result<EmbeddingResponse, CallError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    let found: Vec<&Value> = match (value.get("embedding"), value.get("embeddings")) {
        (Some(one), _) => vec![one],
        (None, Some(Value::Array(all))) => all
            .iter()
            .map(|item| item.get("embedding").unwrap_or(item))
            .collect(),
        (None, Some(Value::Object(kinds))) => kinds
            .get("float")
            .or_else(|| kinds.values().next())
            .and_then(Value::as_array)
            .map(|all| all.iter().collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    if found.is_empty() {
        return Err(unreadable("answer", "it has no embedding"));
    }
    let mut response = EmbeddingResponse::default();
    for (index, vector) in (0..).zip(found) {
        let numbers: Option<Vec<f64>> = vector
            .as_array()
            .map(|numbers| numbers.iter().map(Value::as_f64).collect())
            .unwrap_or_default();
        let Some(numbers) = numbers else {
            return Err(unreadable("answer", "an embedding is no list of numbers"));
        };
        response.embeddings.push(Embedding {
            index,
            vector: Vector::Floats(numbers),
        });
    }
    let stated = value.get("inputTextTokenCount").and_then(node::count);
    response.usage = stated.or(counts.input).map(|input| {
        let mut usage = Usage::default();
        usage.input_tokens = Some(input);
        usage.total_tokens = Some(input);
        usage
    });
    response.id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(response)
}
