//! Documents by relevance.

use bytes::Bytes;
use gateway_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use gateway_schema::{CallError, Dialect, Extra, Losses};
use serde_json::{Map, Value};

use super::client::finish_body;
use super::{error, items, object, put, text, unreadable, usage};
use crate::node::{self, to_bytes};
use crate::{EncodedRequest, ReplyInfo, RequestOptions, ranking};

/// Cohere's own parameters: a caller of another dialect that names one means it.
const OWN: [&str; 2] = ["max_tokens_per_doc", "priority"];

/// Reads a request of a client's.
pub(super) fn decode_request(body: &[u8]) -> Result<RerankRequest, CallError> {
    ranking::read(body, &["top_n"], Dialect::COHERE)
}

/// Writes a reply for a client.
pub(super) fn encode_reply(
    response: &RerankResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Result<Bytes, CallError> {
    let mut body = Map::new();
    let id = response.id.as_deref().unwrap_or(&info.id);
    put(&mut body, "id", Some(id));
    let results: Vec<Value> = response.results.iter().map(ranking::result).collect();
    body.insert("results".to_owned(), results.into());
    let meta = usage::write_meta(response.usage.as_ref());
    body.insert("meta".to_owned(), meta);
    finish_body(&mut body, &response.extra, losses);
    to_bytes(&body)
}

/// Writes a request.
///
/// # Errors
/// Never in practice: everything written is JSON.
pub fn encode_rerank(
    request: &RerankRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let mut losses = Losses::new();
    let documents: Vec<Value> = request
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| ranking::as_text(index, document, &mut losses).into())
        .collect();
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    put(&mut body, "query", Some(request.query.as_str()));
    body.insert("documents".to_owned(), documents.into());
    put(&mut body, "top_n", request.top_n);
    let all = request.extra.dialect() == Some(Dialect::COHERE);
    for (key, value) in request.extra.fields() {
        if all || OWN.contains(&key.as_str()) {
            body.entry(key.clone()).or_insert_with(|| value.clone());
        } else if !value.is_null() {
            losses.dropped(key.as_str(), "Cohere has no such parameter");
        }
    }
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Reads a reply to `request`. Version 2 does not send documents back: where they were asked for, they are taken from
/// the request.
///
/// # Errors
/// Of origin upstream, when there are no results in it.
pub fn decode_rerank(body: &[u8], request: &RerankRequest) -> Result<RerankResponse, CallError> {
    let mut fields = object(body)?;
    let Some(results @ Value::Array(_)) = fields.remove("results") else {
        if fields.get("message").is_some_and(Value::is_string) {
            return Err(error::inside_good_status(fields));
        }
        return Err(unreadable("answer", "it has no results"));
    };
    let mut response = RerankResponse::default();
    response.results = items(Some(results))
        .into_iter()
        .map(|value| result(value, request))
        .collect::<Option<_>>()
        .ok_or_else(|| unreadable("answer", "a result has no index or no score"))?;
    response
        .results
        .sort_by(|one, other| other.score.total_cmp(&one.score));
    response.id = text(&mut fields, "id");
    let meta = fields.remove("meta");
    response.usage = meta.as_ref().and_then(usage::read);
    fields.retain(|_, value| !value.is_null());
    response.extra = Extra::of(Dialect::COHERE, fields);
    Ok(response)
}

fn result(value: Value, request: &RerankRequest) -> Option<RerankResult> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let index = u32::try_from(fields.get("index").and_then(node::count)?).ok()?;
    let stated = fields.remove("document").filter(|value| !value.is_null());
    Some(RerankResult {
        index,
        score: fields.get("relevance_score")?.as_f64()?,
        document: stated.or_else(|| ranking::sent(request, index)),
    })
}
