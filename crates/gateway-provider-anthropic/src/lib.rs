//! Anthropic: chat turns, token counts, and text completions.
//!
//! Requests of the Messages API are forwarded as they are, with the model and absent defaults spliced in; requests of
//! other dialects are translated. Models before Claude 3 complete by the older API, newer ones by chat. There are no
//! embeddings.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_anthropic::ANTHROPIC;
//!
//! let registry = Registry::new().with(ANTHROPIC);
//! assert!(registry.find("Anthropic").is_some());
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
use wire::AnthropicWire;

/// What can be asked.
const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::CountTokens,
    Operation::Completion,
];

/// Makes Anthropic's providers.
pub const ANTHROPIC: Factory = Factory {
    name: "anthropic",
    aliases: &[],
    display_name: "Anthropic",
    options: options::SPECS,
    operations: OPERATIONS,
    check: |spec, options| Settings::read(spec, options).err().unwrap_or_default(),
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(spec, options)?;
    let key = StaticCredential::key(settings.key.expose().clone());
    let wire = AnthropicWire::new(spec.provider.as_str(), settings);
    Ok(HttpProvider::for_target(wire, spec, Arc::new(key), deps))
}
