//! What requests that rank documents have in common, in whatever dialect: Cohere made the form, and the others imitate
//! it.

use gateway_schema::rerank::{RerankRequest, RerankResult};
use gateway_schema::{CallError, Dialect, Extra, Losses};
use serde_json::{Map, Value, json};

use crate::node::{Node, Reader, request_fields};

/// Reads a request. `top` are the names of the number of documents to return; what else is there belongs to `dialect`.
pub(crate) fn read(
    body: &[u8],
    top: &[&'static str],
    dialect: Dialect,
) -> Result<RerankRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut request = RerankRequest::new("", Vec::new());
    let mut query = None;
    let mut documents = None;
    let mut extra = Map::new();
    for (key, node) in fields {
        if let Some(name) = top.iter().find(|name| **name == key) {
            request.top_n = reader.u32(name, &node);
            continue;
        }
        match key.as_ref() {
            "model" => request.model = reader.text("model", node),
            "query" => query = reader.text("query", node).or(query),
            "documents" => documents = reader.list("documents", node, document),
            "return_documents" => {
                request.return_documents = reader.bool("return_documents", &node);
            }
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    match query {
        Some(query) => request.query = query,
        None => reader.missing("query", "a string"),
    }
    match documents {
        Some(documents) => request.documents = documents,
        None => reader.missing("documents", "a list of strings or objects"),
    }
    request.extra = Extra::of(dialect, extra);
    reader.finish(request)
}

fn document(reader: &mut Reader, node: Node<'_>) -> Option<Value> {
    match node {
        Node::Text(_) | Node::Object(_) => Some(node.into_value()),
        other => {
            reader.wrong(&other, "a string or an object");
            None
        }
    }
}

/// A document as text, for providers that take nothing else.
pub(crate) fn as_text(index: usize, document: &Value, losses: &mut Losses) -> String {
    match document {
        Value::String(text) => text.clone(),
        Value::Object(fields) => match fields.get("text") {
            Some(Value::String(text)) if fields.len() == 1 => text.clone(),
            _ => {
                losses.approximated(
                    format!("documents[{index}]"),
                    "an object is ranked as its JSON text",
                );
                document.to_string()
            }
        },
        other => {
            losses.approximated(
                format!("documents[{index}]"),
                "what is not text is ranked as its JSON text",
            );
            other.to_string()
        }
    }
}

/// A document as replies show it: an object, of which a bare text is the only field.
pub(crate) fn shown(document: &Value) -> Value {
    match document {
        Value::String(text) => json!({"text": text}),
        other => other.clone(),
    }
}

/// A document as it was sent, for answers that leave it out.
pub(crate) fn sent(request: &RerankRequest, index: u32) -> Option<Value> {
    let wanted = request.return_documents == Some(true);
    let document = request.documents.get(usize::try_from(index).ok()?)?;
    wanted.then(|| shown(document))
}

/// One result as replies have it.
pub(crate) fn result(result: &RerankResult) -> Value {
    let mut out = json!({"index": result.index, "relevance_score": result.score});
    if let (Some(document), Value::Object(fields)) = (&result.document, &mut out) {
        fields.insert("document".to_owned(), shown(document));
    }
    out
}
