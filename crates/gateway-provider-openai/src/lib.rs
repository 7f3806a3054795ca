//! OpenAI and Azure OpenAI: chat, completions and embeddings.
//!
//! Requests of this dialect are forwarded as they are, with the model and absent defaults spliced in; requests of other
//! dialects are translated. The Responses API is a second form of the same: callers that speak it get its own bytes, from
//! `/responses`. Streams report usage to the gateway even when the caller did not ask for it; the
//! caller does not see that. Everything else of the API (files, images, audio, batches, stored responses) is passed on as
//! it is.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_openai::OPENAI;
//!
//! let registry = Registry::new().with(OPENAI);
//! assert!(registry.find("azure").is_some());
//! ```

mod options;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_provider::{Built, Deps, Factory, HttpProvider, StaticCredential, TargetSpec};
use gateway_schema::{Operation, Options};

use options::Settings;
use wire::OpenAiWire;

/// What can be asked.
const OPERATIONS: &[Operation] = &[Operation::Chat, Operation::Completion, Operation::Embedding];

/// Makes the providers of OpenAI and Azure OpenAI.
pub const OPENAI: Factory = Factory {
    name: "openai",
    aliases: &["azure"],
    display_name: "OpenAI",
    options: options::SPECS,
    operations: OPERATIONS,
    check: |spec, options| Settings::read(spec, options).err().unwrap_or_default(),
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(spec, options)?;
    let key = StaticCredential::key(settings.key.expose().clone());
    let wire = OpenAiWire::new(spec.provider.as_str(), settings, &spec.defaults);
    Ok(HttpProvider::for_target(wire, spec, Arc::new(key), deps))
}
