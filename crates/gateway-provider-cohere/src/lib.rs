//! Cohere: chat, completions, embeddings and rerank.
