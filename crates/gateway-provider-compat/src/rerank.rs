//! Ranking: the form that Cohere began and everybody imitates, with the few words that differ.
//!
//! Reference: <https://docs.voyageai.com/reference/reranker-api>, <https://api.jina.ai/redoc>,
//! <https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html>, read on 2026-11-21.

use bytes::Bytes;
use gateway_dialect::openai;
use gateway_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Usage};
use serde_json::{Map, Value};

/// Writes a request. `top` is the vendor's name for the number of documents to return.
pub(crate) fn encode(
    request: &RerankRequest,
    model: &str,
    top: &str,
    losses: &mut Losses,
) -> Bytes {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    body.insert("query".to_owned(), request.query.clone().into());
    let documents = request
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| text_of(index, document, losses))
        .collect();
    body.insert("documents".to_owned(), Value::Array(documents));
    if let Some(number) = request.top_n {
        body.insert(top.to_owned(), number.into());
    }
    if let Some(wanted) = request.return_documents {
        body.insert("return_documents".to_owned(), wanted.into());
    }
    for (name, value) in request.extra.fields() {
        let dialect = request.extra.dialect();
        if dialect == Some(Dialect::OPENAI) {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        } else {
            losses.dropped(name.clone(), "this provider does not know it");
        }
    }
    Bytes::from(Value::Object(body).to_string())
}

/// A document as text: most vendors take nothing else.
fn text_of(index: usize, document: &Value, losses: &mut Losses) -> Value {
    match document {
        Value::String(_) => document.clone(),
        Value::Object(fields) => match fields.get("text") {
            Some(Value::String(text)) if fields.len() == 1 => text.clone().into(),
            _ => {
                losses.approximated(
                    format!("documents[{index}]"),
                    "an object is ranked as its JSON text",
                );
                document.to_string().into()
            }
        },
        other => {
            losses.approximated(
                format!("documents[{index}]"),
                "what is not text is ranked as its JSON text",
            );
            other.to_string().into()
        }
    }
}

/// Reads an answer.
///
/// # Errors
/// Of origin upstream: not JSON, or an error with a good status, or no results.
pub(crate) fn decode(body: &[u8]) -> Result<RerankResponse, CallError> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else {
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        ));
    };
    let list = ["results", "data"]
        .iter()
        .find_map(|name| match fields.get(*name) {
            Some(Value::Array(_)) => fields.remove(*name),
            _ => None,
        });
    let Some(Value::Array(list)) = list else {
        if ["error", "detail", "message"]
            .iter()
            .any(|name| fields.contains_key(*name))
        {
            let body = Value::Object(fields).to_string();
            return Err(openai::decode_error(502, None, body.as_bytes()));
        }
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer has no results.",
        ));
    };
    let mut response = RerankResponse::default();
    response.results = list
        .into_iter()
        .map(result)
        .collect::<Option<_>>()
        .ok_or_else(|| {
            CallError::upstream(
                ErrorKind::Upstream,
                "The provider's answer holds a result without an index or a score.",
            )
        })?;
    response
        .results
        .sort_by(|one, other| other.score.total_cmp(&one.score));
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    response.id = text(fields.remove("id"));
    response.model = text(fields.remove("model"));
    response.usage = fields.remove("usage").and_then(usage);
    fields.remove("object");
    fields.retain(|_, value| !value.is_null());
    response.extra = Extra::of(Dialect::OPENAI, fields);
    Ok(response)
}

fn result(value: Value) -> Option<RerankResult> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let score = fields
        .get("relevance_score")
        .or_else(|| fields.get("score"));
    Some(RerankResult {
        score: score.and_then(Value::as_f64)?,
        index: u32::try_from(fields.get("index")?.as_u64()?).ok()?,
        document: fields.remove("document").filter(|value| !value.is_null()),
    })
}

fn usage(value: Value) -> Option<Usage> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let mut usage = Usage::default();
    let mut number = |name: &str| fields.remove(name).and_then(|value| value.as_u64());
    let prompt = number("prompt_tokens");
    usage.total_tokens = number("total_tokens");
    usage.input_tokens = prompt.or(usage.total_tokens);
    usage.output_tokens = number("completion_tokens");
    usage.extra = fields;
    Some(usage)
}
