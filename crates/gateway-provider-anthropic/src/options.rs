//! Settings.

use gateway_provider::TargetSpec;
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::{HeaderValue, Uri};

use crate::defaults::Defaults;

const KEY: &str = "anthropic_api_key";
const VERSION: &str = "anthropic_version";
const BASE: &str = "anthropic_api_base";
const DEFAULT_VERSION: &str = "2023-06-01";
const DEFAULT_BASE: &str = "https://api.anthropic.com/v1";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec {
        name: KEY,
        kind: OptionKind::Secret,
        required: true,
        doc: "The API key, or an OAuth token (sk-ant-oat...).",
    },
    OptionSpec {
        name: VERSION,
        kind: OptionKind::Text,
        required: false,
        doc: "The version of the API for translated requests. Default: 2023-06-01.",
    },
    OptionSpec {
        name: BASE,
        kind: OptionKind::Text,
        required: false,
        doc: "Where the API is. Default: https://api.anthropic.com/v1.",
    },
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
        let mut problems = Vec::new();
        let model = spec
            .model
            .clone()
            .filter(|model| !model.as_str().is_empty());
        if model.is_none() {
            problems.push(OptionProblem::new(
                "",
                "The model needs a name, for instance claude-sonnet-5.",
            ));
        }
        let key = options.text(KEY).map(|key| Secret::new(key.to_owned()));
        if key.is_none() {
            problems.push(OptionProblem::new(
                KEY,
                format!("{KEY} is missing: give an Anthropic API key as text."),
            ));
        } else if options
            .text(KEY)
            .is_some_and(|key| HeaderValue::from_str(key).is_err())
        {
            problems.push(OptionProblem::new(
                KEY,
                format!("{KEY} has characters that no HTTP header can carry."),
            ));
        }
        let version = text(options, VERSION, DEFAULT_VERSION, &mut problems);
        let version = HeaderValue::from_str(version).map_err(|_| {
            problems.push(OptionProblem::new(
                VERSION,
                format!("{VERSION} must be a date such as {DEFAULT_VERSION}."),
            ));
        });
        let base = text(options, BASE, DEFAULT_BASE, &mut problems).trim_end_matches('/');
        if !is_address(base) {
            problems.push(OptionProblem::new(
                BASE,
                format!("{BASE} must be an http or https address such as {DEFAULT_BASE}."),
            ));
        }
        let name = model.as_ref().map_or("", |model| model.as_str());
        let defaults = Defaults::read(&spec.defaults, spec.operation, name)
            .map_err(|found| problems.extend(found));
        match (model, key, version, defaults) {
            (Some(model), Some(key), Ok(version), Ok(defaults)) if problems.is_empty() => {
                Ok(Self {
                    model,
                    key,
                    version,
                    base: base.to_owned(),
                    defaults,
                })
            }
            _ => Err(problems),
        }
    }
}

fn text<'a>(
    options: &'a Options,
    name: &str,
    default: &'a str,
    problems: &mut Vec<OptionProblem>,
) -> &'a str {
    match options.get(name) {
        Some(value) if !value.is_string() => {
            problems.push(OptionProblem::new(name, format!("{name} must be text.")));
            default
        }
        _ => options.text(name).unwrap_or(default),
    }
}

fn is_address(base: &str) -> bool {
    let Ok(uri) = base.parse::<Uri>() else {
        return false;
    };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none()
}
