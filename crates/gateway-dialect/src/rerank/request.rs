//! Requests out.

use bytes::Bytes;
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{Dialect, Losses};
use serde_json::{Map, Value, json};

use super::Form;
use crate::{EncodedRequest, RequestOptions, ranking};

/// Writes a request in the words of a provider.
pub fn encode(request: &RerankRequest, options: &RequestOptions<'_>, form: Form) -> EncodedRequest {
    let mut losses = Losses::new();
    let documents: Vec<String> = request
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| ranking::as_text(index, document, &mut losses))
        .collect();
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put("model", options.model.into());
    match form {
        Form::Passages => {
            put("query", json!({"text": request.query}));
            let passages: Vec<Value> = documents
                .iter()
                .map(|text| json!({ "text": text }))
                .collect();
            put("passages", passages.into());
        }
        Form::Texts => {
            put("query", request.query.as_str().into());
            put("texts", documents.into());
        }
        Form::Common | Form::TopK => {
            put("query", request.query.as_str().into());
            put("documents", documents.into());
            if let Some(number) = request.top_n {
                let key = if form == Form::TopK { "top_k" } else { "top_n" };
                put(key, number.into());
            }
            if let Some(wanted) = request.return_documents {
                put("return_documents", wanted.into());
            }
        }
    }
    let own = matches!(
        request.extra.dialect(),
        Some(Dialect::RERANK | Dialect::OPENAI)
    );
    for (name, value) in request.extra.fields() {
        if own {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        } else {
            losses.dropped(name.clone(), "this provider does not know it");
        }
    }
    EncodedRequest {
        body: Bytes::from(Value::Object(body).to_string()),
        losses,
    }
}
