//! Google: AI Studio and Vertex AI.
//!
//! Gemini models speak the Gemini API at both. Vertex AI hosts Claude, which speaks Anthropic's Messages API, and models
//! as a service, which speak OpenAI's; the model's name tells which. Requests of the model's own dialect are forwarded
//! as they are, with the model and absent defaults spliced in; others are translated.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_google::{GEMINI, VERTEX_AI};
//!
//! let registry = Registry::new().with(GEMINI).with(VERTEX_AI);
//! assert!(registry.find("vertex_ai").is_some());
//! ```

mod claude;
mod credentials;
mod defaults;
mod gemini;
mod maas;
mod options;
mod site;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_provider::{Built, Deps, Factory, HttpProvider, StaticCredential, TargetSpec};
use gateway_schema::{Operation, OptionProblem, Options};

use claude::ClaudeWire;
use credentials::GoogleCredentials;
use gemini::GeminiWire;
use maas::MaasWire;
use options::{Family, Studio, Vertex};
use site::Site;

/// What Gemini models can be asked.
const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::CountTokens,
    Operation::Completion,
    Operation::Embedding,
];

/// Makes providers of Google AI Studio.
pub const GEMINI: Factory = Factory {
    name: "gemini",
    aliases: &["google-ai-studio"],
    display_name: "Gemini",
    options: options::STUDIO,
    operations: OPERATIONS,
    check: |spec, options| Studio::read(spec, options).err().unwrap_or_default(),
    build: build_studio,
};

/// Makes providers of Google Vertex AI.
pub const VERTEX_AI: Factory = Factory {
    name: "vertex-ai",
    aliases: &["vertex"],
    display_name: "Vertex AI",
    options: options::VERTEX,
    operations: OPERATIONS,
    check: |spec, options| Vertex::read(spec, options).err().unwrap_or_default(),
    build: build_vertex,
};

fn build_studio(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Studio::read(spec, options)?;
    let key = StaticCredential::key(settings.key.expose().clone());
    let site = Site::studio(settings.base);
    let wire = GeminiWire::new(&spec.provider, &settings.model, site, &spec.defaults)
        .map_err(|error| problems(&error))?;
    Ok(HttpProvider::for_target(wire, spec, Arc::new(key), deps))
}

fn build_vertex(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Vertex::read(spec, options)?;
    let credentials = Arc::new(GoogleCredentials::new(
        settings
            .credentials
            .as_ref()
            .map(|text| text.expose().as_str()),
        deps,
    )?);
    let model = settings.model.clone();
    let family = Family::of(model.as_str());
    let site = Site::vertex(&settings, family);
    let defaults = &spec.defaults;
    match family {
        Family::Gemini => {
            let wire = GeminiWire::new(&spec.provider, &model, site, defaults)
                .map_err(|error| problems(&error))?;
            Ok(HttpProvider::for_target(wire, spec, credentials, deps))
        }
        Family::Claude => {
            let wire = ClaudeWire::new(&spec.provider, &model, site, settings.betas, defaults)
                .map_err(|error| problems(&error))?;
            Ok(HttpProvider::for_target(wire, spec, credentials, deps))
        }
        Family::Maas => {
            let wire = MaasWire::new(&spec.provider, &model, site, defaults);
            Ok(HttpProvider::for_target(wire, spec, credentials, deps))
        }
    }
}

/// A fault of the configured parameters, as problems of the settings.
fn problems(error: &gateway_schema::CallError) -> Vec<OptionProblem> {
    if error.field_errors().is_empty() {
        return vec![OptionProblem::new("", error.message())];
    }
    error
        .field_errors()
        .iter()
        .map(|fault| OptionProblem::new(fault.dotted(), fault.message.clone()))
        .collect()
}
