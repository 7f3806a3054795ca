//! Cohere: chat, completions, embeddings and rerank.
//!
//! Requests of Cohere's own clients pass as they are, with the model and absent defaults spliced in. Others go to
//! version 2 of the API; on MLflow's own URLs to version 1, where MLflow's conversion can say them.
//! Completions are turns of chat in version 2. Tokenizing, classification and files are not spoken here.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_cohere::COHERE;
//!
//! let registry = Registry::new().with(COHERE);
//! assert!(registry.find("Cohere").is_some());
//! ```

mod defaults;
mod options;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_provider::{Built, Deps, Factory, HttpProvider, StaticCredential, TargetSpec};
use gateway_schema::{Operation, Options};

use options::Settings;
use wire::CohereWire;

/// What can be asked.
const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::Completion,
    Operation::Embedding,
    Operation::Rerank,
];

/// Makes the providers of Cohere.
pub const COHERE: Factory = Factory {
    name: "cohere",
    aliases: &[],
    display_name: "Cohere",
    options: options::SPECS,
    operations: OPERATIONS,
    check: |spec, options| Settings::read(spec, options).err().unwrap_or_default(),
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(spec, options)?;
    let key = StaticCredential::key(settings.key.expose().clone());
    let wire = CohereWire::new(spec.provider.as_str(), settings, &spec.defaults);
    Ok(HttpProvider::for_target(wire, spec, Arc::new(key), deps))
}
