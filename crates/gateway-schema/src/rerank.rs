//! Documents ordered by relevance to a query.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Extra, Usage};

/// A request to order documents.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RerankRequest {
    /// The model the caller named, if the dialect carries one.
    pub model: Option<String>,
    /// What the documents are compared with.
    pub query: String,
    /// The documents: text, or objects where a provider takes them.
    pub documents: Vec<Value>,
    /// How many to return.
    pub top_n: Option<u32>,
    /// Send the documents back with the scores.
    pub return_documents: Option<bool>,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl RerankRequest {
    /// Orders `documents` by relevance to `query`.
    pub fn new(query: impl Into<String>, documents: Vec<Value>) -> Self {
        Self {
            model: None,
            query: query.into(),
            documents,
            top_n: None,
            return_documents: None,
            extra: Extra::new(),
        }
    }
}

/// One document's score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RerankResult {
    /// Which document, from 0, in the order of the request.
    pub index: u32,
    /// How relevant, by the provider's measure.
    pub score: f64,
    /// The document, if it was asked for.
    pub document: Option<Value>,
}

/// The answer to a [`RerankRequest`], best first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RerankResponse {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The scores, best first.
    pub results: Vec<RerankResult>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// What else the provider said.
    pub extra: Extra,
}
