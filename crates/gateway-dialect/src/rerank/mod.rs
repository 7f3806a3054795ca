//! Documents ordered by relevance, in the form that Cohere's first version began and nearly everybody shares: Jina,
//! Together, Voyage, vLLM, llama.cpp, OpenRouter and others. Two that differ are spoken too: Hugging Face's Text
//! Embeddings Inference, and NVIDIA's NIM.
//!
//! A client gets `results` with `index`, `relevance_score` and, if it asked, `document`; `usage` in tokens; and the
//! searches that are paid for where Cohere's clients look for them (`meta.billed_units.search_units`).
//!
//! Reference: <https://docs.cohere.com/v1/reference/rerank>, <https://api.jina.ai/redoc>,
//! <https://docs.together.ai/reference/rerank-1>, <https://docs.voyageai.com/reference/reranker-api>,
//! <https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html>,
//! <https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html>,
//! <https://huggingface.github.io/text-embeddings-inference/>, read on 2026-11-21.

mod codec;
mod reply;
mod request;

#[cfg(test)]
mod tests;

pub(crate) use codec::MEMBERS;
pub use codec::RerankCodec;
pub use reply::{decode, observe};
pub use request::encode;

/// What a provider calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Form {
    /// `documents` and `top_n`.
    #[default]
    Common,
    /// `documents` and `top_k`, as Voyage has it.
    TopK,
    /// `texts`, answered by a bare list, as Text Embeddings Inference has it.
    Texts,
    /// `passages`, answered by `rankings` with logits, as NVIDIA's NIM has it.
    Passages,
}
