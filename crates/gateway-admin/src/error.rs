//! Why an administrator's request is refused.

use gateway_config::Problem;
use gateway_secrets::SecretError;
use gateway_store::StoreError;

/// Why nothing was changed. One variant per thing that a caller can do something about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// A field is missing or wrong. The message names it.
    #[error("{0}")]
    Invalid(String),
    /// There is no such entity.
    #[error("{entity} not found ({key}='{value}')")]
    NotFound {
        /// What was looked for, as MLflow calls it.
        entity: &'static str,
        /// By which field.
        key: &'static str,
        /// And which value.
        value: String,
    },
    /// The name is taken.
    #[error("{entity} with name '{name}' already exists")]
    Exists {
        /// What it would have been.
        entity: &'static str,
        /// The name.
        name: String,
    },
    /// Something else refers to it.
    #[error("{0}")]
    InUse(String),
    /// The definitions make no plan.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
    /// It was changed by another administrator since it was read.
    #[error("{0}")]
    Conflict(String),
    /// The store is away. Nothing is known of a write that was under way.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A fault of the installation: a wrong master key, a damaged row.
    #[error("{0}")]
    Internal(String),
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    lines.join("\n")
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(detail) => Self::Unavailable(detail),
            StoreError::Conflict { .. }
            | StoreError::Stale { .. }
            | StoreError::NotFound(_)
            | StoreError::IdTaken(_)
            | StoreError::NameTaken { .. } => Self::Conflict(error.to_string()),
            StoreError::Invalid { .. } => Self::Invalid(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<SecretError> for AdminError {
    fn from(error: SecretError) -> Self {
        Self::Internal(error.to_string())
    }
}
