//! The tasks of endpoints.

use gateway_schema::Operation;

/// The tasks of endpoints, as MLflow names them; ranking is ours.
pub(crate) const TASKS: [&str; 4] = [
    "llm/v1/completions",
    "llm/v1/chat",
    "llm/v1/embeddings",
    "llm/v1/rerank",
];

/// The operation with MLflow's name of a task.
pub(crate) fn task(name: &str) -> Option<Operation> {
    match name {
        "llm/v1/chat" => Some(Operation::Chat),
        "llm/v1/completions" => Some(Operation::Completion),
        "llm/v1/embeddings" => Some(Operation::Embedding),
        "llm/v1/rerank" => Some(Operation::Rerank),
        _ => None,
    }
}

/// MLflow's name of a task.
pub(crate) const fn task_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "llm/v1/chat",
        Operation::Completion => "llm/v1/completions",
        Operation::Embedding => "llm/v1/embeddings",
        Operation::Rerank => "llm/v1/rerank",
        other => other.as_str(),
    }
}
