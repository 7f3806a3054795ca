//! Embedding vectors.

use serde::{Deserialize, Serialize};

use crate::{Extra, Usage};

/// What to embed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EmbeddingInput {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One text as token ids.
    Tokens(Vec<u32>),
    /// Several texts as token ids.
    TokenLists(Vec<Vec<u32>>),
}

/// How the vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingEncoding {
    /// A list of numbers.
    Float,
    /// Little-endian 32-bit floats in base64.
    Base64,
}

/// What the vector will be used for, where a provider wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmbeddingTask {
    /// A query that searches documents.
    Query,
    /// A document that is searched.
    Document,
    /// Sorting into classes.
    Classification,
    /// Grouping.
    Clustering,
    /// Comparing two texts.
    Similarity,
    /// A provider's own word.
    Other(String),
}

/// A request for embedding vectors.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingRequest {
    /// The model the caller named, if the dialect carries one.
    pub model: Option<String>,
    /// What to embed.
    pub input: EmbeddingInput,
    /// How the caller wants the vectors written.
    pub encoding: Option<EmbeddingEncoding>,
    /// How long the vectors shall be.
    pub dimensions: Option<u32>,
    /// What they are for.
    pub task: Option<EmbeddingTask>,
    /// A name of the end user.
    pub user: Option<String>,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl EmbeddingRequest {
    /// Asks for the vectors of `input`.
    pub fn new(input: EmbeddingInput) -> Self {
        Self {
            model: None,
            input,
            encoding: None,
            dimensions: None,
            task: None,
            user: None,
            extra: Extra::new(),
        }
    }
}

/// A vector, as the provider wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Vector {
    /// Numbers.
    Floats(Vec<f64>),
    /// Little-endian 32-bit floats in base64.
    Base64(String),
}

/// One vector with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// Which input it belongs to, from 0.
    pub index: u32,
    /// The vector.
    pub vector: Vector,
}

/// The answer to an [`EmbeddingRequest`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EmbeddingResponse {
    /// The provider's id of the answer, where it gives one.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The vectors, in the order of the input.
    pub embeddings: Vec<Embedding>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// What else the provider said.
    pub extra: Extra,
}
