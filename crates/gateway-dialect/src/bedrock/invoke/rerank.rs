//! Documents by relevance, as Cohere's models on Bedrock have it.

use super::super::set;
use gateway_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use gateway_schema::{CallError, Losses, TokenSource, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::unreadable;
use crate::EncodedRequest;
use crate::node::to_bytes;

/// Writes a request. Documents that are objects are sent as their text, or as JSON.
///
/// # Errors
/// Never in practice: everything written is JSON.
pub fn encode_rerank(request: &RerankRequest) -> Result<EncodedRequest, CallError> {
    let mut losses = Losses::new();
    let documents: Vec<Value> = request
        .documents
        .iter()
        .map(|document| match document {
            Value::String(_) => document.clone(),
            other => match other.get("text") {
                Some(Value::String(text)) => text.as_str().into(),
                _ => other.to_string().into(),
            },
        })
        .collect();
    let mut body = json!({"api_version": 2, "query": request.query, "documents": documents});
    if let Some(most) = request.top_n {
        set(&mut body, "top_n", most.into());
    }
    for key in request.extra.fields().keys() {
        losses.dropped(key.as_str(), "Bedrock has no such parameter");
    }
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// What is paid for: a search for every hundred documents. Replies do not say it.
/// <https://aws.amazon.com/bedrock/pricing/>, read on 2026-11-21.
fn searches(request: &RerankRequest) -> Usage {
    const DOCUMENTS_PER_SEARCH: usize = 100;
    let searches = request.documents.len().div_ceil(DOCUMENTS_PER_SEARCH);
    let mut usage = Usage::default();
    usage.search_units = u64::try_from(searches).ok();
    usage.source = TokenSource::Estimated;
    usage
}

/// Reads a reply.
///
/// # Errors
/// Of origin upstream, when it is not one.
pub fn decode_rerank(request: &RerankRequest, body: &[u8]) -> Result<RerankResponse, CallError> {
    #[derive(Deserialize)]
    struct Reply {
        results: Vec<Scored>,
    }
    #[derive(Deserialize)]
    struct Scored {
        index: u32,
        relevance_score: f64,
    }
    let reply: Reply = serde_json::from_slice(body).map_err(|error| unreadable("answer", error))?;
    let wanted = request.return_documents == Some(true);
    let mut response = RerankResponse::default();
    response.results = reply
        .results
        .into_iter()
        .map(|scored| {
            let place = usize::try_from(scored.index).ok();
            let document = place.and_then(|place| request.documents.get(place));
            RerankResult {
                index: scored.index,
                score: scored.relevance_score,
                document: document.filter(|_| wanted).cloned(),
            }
        })
        .collect();
    response.usage = Some(searches(request));
    Ok(response)
}
