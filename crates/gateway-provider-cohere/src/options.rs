//! Settings, with MLflow's names.

use gateway_provider::{Reading, TargetSpec};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};

const KEY: &str = "cohere_api_key";
const BASE: &str = "cohere_api_base";
/// Where the second version of the API is.
const DEFAULT_BASE: &str = "https://api.cohere.com";
/// Where MLflow finds the first version.
const MLFLOW_BASE: &str = "https://api.cohere.ai";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec::required(KEY, OptionKind::Secret, "The API key."),
    OptionSpec::optional(
        BASE,
        OptionKind::Text,
        "Where the API is, without the version. Default: https://api.cohere.com.",
    ),
];

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelId,
    pub(crate) key: Secret,
    /// Up to the version, without a slash at its end.
    pub(crate) base: String,
    /// The same for MLflow's mapping.
    pub(crate) mlflow_base: String,
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let model = reading.model(spec, "command-a-03-2025");
        let key = reading.required_key(KEY, "a Cohere API key");
        let base = reading.address(BASE, DEFAULT_BASE).map(unversioned);
        let read = model.zip(key).map(|(model, key)| Self {
            model,
            key,
            base: base.unwrap_or(DEFAULT_BASE).to_owned(),
            mlflow_base: base.unwrap_or(MLFLOW_BASE).to_owned(),
        });
        reading.finish(read)
    }
}

/// An address without the version at its end, for both versions are spoken.
fn unversioned(address: &str) -> &str {
    ["/v1", "/v2"]
        .iter()
        .find_map(|version| address.strip_suffix(version))
        .unwrap_or(address)
}
