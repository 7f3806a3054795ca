//! Amazon Bedrock, and models at SageMaker endpoints ([`SAGEMAKER`]).
//!
//! Bedrock: chat turns by Converse for every model, completions, embeddings and rerank by `InvokeModel`.
//!
//! Converse requests are forwarded as they are; requests of other dialects are translated. Requests are signed with
//! Signature Version 4, or carry a Bedrock API key. Credentials come from the configuration, from a role that is assumed
//! and refreshed in time, or from where AWS's own clients look for them.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_bedrock::BEDROCK;
//!
//! let registry = Registry::new().with(BEDROCK);
//! assert!(registry.find("amazon-bedrock").is_some());
//! ```

mod credentials;
mod defaults;
mod options;
mod place;
mod sagemaker;
mod several;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_dialect::bedrock::invoke::Embedder;
use gateway_provider::{Built, Deps, Factory, HttpProvider, TargetSpec};
use gateway_schema::{Operation, Options};

use options::Settings;
use place::{Place, Runtime};
pub use sagemaker::SAGEMAKER;
use several::OneByOne;
use wire::BedrockWire;

/// What can be asked.
const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::CountTokens,
    Operation::Completion,
    Operation::Embedding,
    Operation::Rerank,
];

/// Makes Bedrock's providers.
pub const BEDROCK: Factory = Factory {
    name: "bedrock",
    aliases: &["amazon-bedrock"],
    display_name: "Amazon Bedrock",
    options: options::SPECS,
    operations: OPERATIONS,
    check: |spec, options| Settings::read(spec, options).err().unwrap_or_default(),
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(spec, options)?;
    let place = Place::find(&settings, &*deps.environment, Runtime::BEDROCK);
    let credentials = credentials::find(&settings, &place, deps);
    let one_by_one = Embedder::of(settings.model.as_str()).takes_one();
    let wire = BedrockWire::new(spec.provider.as_str(), settings, place);
    let provider = HttpProvider::for_target(wire, spec, credentials, deps);
    if one_by_one {
        return Ok(Arc::new(OneByOne::new(provider)));
    }
    Ok(provider)
}
