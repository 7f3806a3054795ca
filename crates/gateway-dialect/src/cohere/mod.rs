//! Cohere, version 2: chat, embeddings and rerank; and the first version, as MLflow's gateway speaks it.
