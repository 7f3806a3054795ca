//! Models that MLflow serves (`mlflow models serve`), and providers that only MLflow's configurations name.
//!
//! A model server takes inputs and parameters and answers with predictions: text for completions and for chat turns of
//! one message, vectors for embeddings. It does not stream; a stream is refused before anything is sent.
//!
//! `sap-ai-core` and `typesafe` are accepted, so that a configuration with them loads, and refuse every call with a
//! sentence: with MLflow, too, its gateway cannot ask them.
//!
//! ```
//! use gateway_provider::Registry;
//!
//! let registry = Registry::new().with_all(gateway_provider_mlflow::FACTORIES);
//! assert!(registry.find("mlflow-model-serving").is_some());
//! ```

mod absent;
mod options;
mod request;
mod response;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_provider::{Built, Deps, Factory, HttpProvider, StaticCredential, TargetSpec};
use gateway_schema::{Operation, Options};

use options::Settings;
use wire::ServingWire;

pub use absent::{SAP_AI_CORE, TYPESAFE};

const OPERATIONS: &[Operation] = &[Operation::Chat, Operation::Completion, Operation::Embedding];

/// A server of MLflow models.
pub const MODEL_SERVING: Factory = Factory {
    name: "mlflow-model-serving",
    aliases: &[],
    display_name: "MLflow Model Serving",
    options: options::SPECS,
    operations: OPERATIONS,
    check: |spec, options| Settings::read(spec, options).err().unwrap_or_default(),
    build,
};

/// All of them.
pub const FACTORIES: [Factory; 3] = [MODEL_SERVING, SAP_AI_CORE, TYPESAFE];

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(spec, options)?;
    let credential = StaticCredential::optional(settings.token.clone());
    let wire = ServingWire::new(spec, settings);
    Ok(HttpProvider::for_target(
        wire,
        spec,
        Arc::new(credential),
        deps,
    ))
}
