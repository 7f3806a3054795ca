//! Settings, with MLflow's names.

use gateway_provider::TargetSpec;
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::{HeaderValue, Uri};

const KEY: &str = "cohere_api_key";
const BASE: &str = "cohere_api_base";
/// Where the second version of the API is.
const DEFAULT_BASE: &str = "https://api.cohere.com";
/// Where MLflow finds the first version.
const MLFLOW_BASE: &str = "https://api.cohere.ai";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec {
        name: KEY,
        kind: OptionKind::Secret,
        required: true,
        doc: "The API key.",
    },
    OptionSpec {
        name: BASE,
        kind: OptionKind::Text,
        required: false,
        doc: "Where the API is, without the version. Default: https://api.cohere.com.",
    },
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
        let mut problems = Vec::new();
        let model = spec
            .model
            .clone()
            .filter(|model| !model.as_str().is_empty());
        if model.is_none() {
            problems.push(OptionProblem::new(
                "",
                "The model needs a name, for instance command-a-03-2025.",
            ));
        }
        let key = key(options, &mut problems);
        let base = base(options, &mut problems);
        match (model, key) {
            (Some(model), Some(key)) if problems.is_empty() => Ok(Self {
                model,
                key,
                mlflow_base: base.clone().unwrap_or_else(|| MLFLOW_BASE.to_owned()),
                base: base.unwrap_or_else(|| DEFAULT_BASE.to_owned()),
            }),
            _ => Err(problems),
        }
    }
}

fn key(options: &Options, problems: &mut Vec<OptionProblem>) -> Option<Secret> {
    let Some(key) = options.text(KEY) else {
        problems.push(OptionProblem::new(
            KEY,
            format!("{KEY} is missing: give a Cohere API key as text."),
        ));
        return None;
    };
    if HeaderValue::from_str(key).is_err() {
        problems.push(OptionProblem::new(
            KEY,
            format!("{KEY} has characters that no HTTP header can carry."),
        ));
        return None;
    }
    Some(Secret::new(key.to_owned()))
}

/// The address that was given. A version at its end is taken off, for both versions are spoken.
fn base(options: &Options, problems: &mut Vec<OptionProblem>) -> Option<String> {
    if options.get(BASE).is_some_and(|value| !value.is_string()) {
        problems.push(OptionProblem::new(BASE, format!("{BASE} must be text.")));
        return None;
    }
    let given = options.text(BASE)?.trim_end_matches('/');
    let base = ["/v1", "/v2"]
        .iter()
        .find_map(|version| given.strip_suffix(version))
        .unwrap_or(given);
    let is_address = base.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if !is_address {
        problems.push(OptionProblem::new(
            BASE,
            format!("{BASE} must be an http or https address such as {DEFAULT_BASE}."),
        ));
        return None;
    }
    Some(base.to_owned())
}
