//! Settings.

use gateway_provider::{Reading, TargetSpec};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::HeaderValue;

use crate::defaults::Defaults;

const KEY: &str = "anthropic_api_key";
const VERSION: &str = "anthropic_version";
const BASE: &str = "anthropic_api_base";
const DEFAULT_VERSION: &str = "2023-06-01";
const DEFAULT_BASE: &str = "https://api.anthropic.com/v1";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec::required(
        KEY,
        OptionKind::Secret,
        "The API key, or an OAuth token (sk-ant-oat...).",
    ),
    OptionSpec::optional(
        VERSION,
        OptionKind::Text,
        "The version of the API for translated requests. Default: 2023-06-01.",
    ),
    OptionSpec::optional(
        BASE,
        OptionKind::Text,
        "Where the API is. Default: https://api.anthropic.com/v1.",
    ),
];

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelId,
    pub(crate) key: Secret,
    pub(crate) version: HeaderValue,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) defaults: Defaults,
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let model = reading.model(spec, "claude-sonnet-5");
        let key = reading.required_key(KEY, "an Anthropic API key");
        let version = reading.text(VERSION).unwrap_or(DEFAULT_VERSION);
        let version = HeaderValue::from_str(version).ok();
        if version.is_none() {
            let message = format!("{VERSION} must be a date such as {DEFAULT_VERSION}.");
            reading.problem(VERSION, message);
        }
        let base = reading.address(BASE, DEFAULT_BASE).unwrap_or(DEFAULT_BASE);
        let name = model.as_ref().map_or("", |model| model.as_str());
        let defaults = Defaults::read(&spec.defaults, spec.operation, name)
            .map_err(|found| reading.problems(found));
        let read = match (model, key, version, defaults) {
            (Some(model), Some(key), Some(version), Ok(defaults)) => Some(Self {
                model,
                key,
                version,
                base: base.to_owned(),
                defaults,
            }),
            _ => None,
        };
        reading.finish(read)
    }
}
