//! Vendors of vectors and of ranking.

use gateway_dialect::openai::Quirks;
use gateway_dialect::rerank::Form;
use gateway_schema::Operation;

use super::{Row, rows};
use crate::preset::{EMBED_RERANK, Preset, Tasks};

pub(super) const ROWS: &[Row] = rows![
    Preset {
        aliases: &["voyageai", "voyage-ai"],
        // https://docs.voyageai.com/reference/embeddings-api (encoding_format is base64 or absent)
        operations: EMBED_RERANK,
        quirks: Quirks::COMPATIBLE
            .with_renamed(&[("dimensions", "output_dimension")])
            .with_refused(&["user"]),
        idle: &[("encoding_format", "\"float\"")],
        tasks: Some(Tasks {
            member: "input_type",
            query: "query",
            document: "document",
            classification: "",
            clustering: "",
            similarity: "",
        }),
        ranking: Form::TopK,
        ..Preset::hosted("voyage", "Voyage AI", "https://api.voyageai.com/v1")
    },
    Preset {
        aliases: &["jina-ai", "jinaai"],
        // https://api.jina.ai/redoc
        operations: EMBED_RERANK,
        quirks: Quirks::COMPATIBLE
            .with_renamed(&[("encoding_format", "embedding_type")])
            .with_refused(&["user"]),
        tasks: Some(Tasks {
            member: "task",
            query: "retrieval.query",
            document: "retrieval.passage",
            classification: "classification",
            clustering: "separation",
            similarity: "text-matching",
        }),
        ..Preset::hosted("jina", "Jina AI", "https://api.jina.ai/v1")
    },
    Preset {
        aliases: &["tei", "huggingface-text-embeddings-inference"],
        // https://huggingface.github.io/text-embeddings-inference/
        operations: EMBED_RERANK,
        paths: &[
            (Operation::Embedding, "v1/embeddings"),
            (Operation::Rerank, "rerank"),
        ],
        ranking: Form::Texts,
        ..Preset::own(
            "text-embeddings-inference",
            "Text Embeddings Inference",
            "http://localhost:8080"
        )
    },
];
