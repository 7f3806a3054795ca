//! Settings, with MLflow's names, rules and texts.

use gateway_provider::{Reading, TargetSpec, escaped, is_address, unversioned};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::HeaderValue;

const KEY: &str = "openai_api_key";
const TYPE: &str = "openai_api_type";
const BASE: &str = "openai_api_base";
const VERSION: &str = "openai_api_version";
const DEPLOYMENT: &str = "openai_deployment_name";
const ORGANIZATION: &str = "openai_organization";
const DEFAULT_BASE: &str = "https://api.openai.com/v1";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec::required(
        KEY,
        OptionKind::Secret,
        "The API key; for azuread a bearer token.",
    ),
    OptionSpec::optional(
        TYPE,
        OptionKind::Text,
        "One of openai, azure, azuread. Default: openai.",
    ),
    OptionSpec::optional(
        BASE,
        OptionKind::Text,
        "Where the API is. Default: https://api.openai.com/v1. Required for Azure: https://<resource>.openai.azure.com.",
    ),
    OptionSpec::optional(
        VERSION,
        OptionKind::Text,
        "The api-version parameter, such as 2024-10-21. Required for Azure.",
    ),
    OptionSpec::optional(
        DEPLOYMENT,
        OptionKind::Text,
        "The deployment. Required for Azure, refused otherwise.",
    ),
    OptionSpec::optional(
        ORGANIZATION,
        OptionKind::Text,
        "The organization to bill. Refused for Azure.",
    ),
];

/// Which of the three services answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// OpenAI itself, or a server that imitates it.
    OpenAi,
    /// Azure, with a key.
    Azure,
    /// Azure, with a token of its directory.
    AzureAd,
}

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelId,
    pub(crate) key: Secret,
    pub(crate) service: Service,
    /// Up to the path of the operation, without a slash at its end.
    pub(crate) base: String,
    /// Where requests are passed on to, without a slash at its end: above the version, or at the resource.
    pub(crate) root: String,
    /// What follows the path: nothing, or `?api-version=...`.
    pub(crate) query: String,
    pub(crate) organization: Option<HeaderValue>,
    /// Where the Responses API is. Azure has it beside its deployments, not below them.
    pub(crate) responses: String,
    /// What the Responses API calls the model: on Azure the deployment.
    pub(crate) responses_model: ModelId,
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let service = service(&mut reading, &spec.provider);
        let key = reading.required_key(KEY, "an OpenAI API key");
        let base = base(&mut reading, service);
        let organization = organization(&mut reading, service);
        let deployment = reading.text(DEPLOYMENT);
        let model = spec
            .model
            .clone()
            .filter(|model| !model.as_str().is_empty())
            .or_else(|| deployment.map(ModelId::from));
        let resource = reading.text(BASE);
        if model.is_none() {
            reading.problem("", "The model needs a name, for instance gpt-5-mini.");
        }
        let query = reading.text(VERSION).map_or_else(String::new, |version| {
            format!("?api-version={}", escaped(version))
        });
        let read = match (model, key, base) {
            (Some(model), Some(key), Some(base)) => Some(Self {
                root: match (service, resource) {
                    (Service::Azure | Service::AzureAd, Some(resource)) => {
                        resource.trim_end_matches('/').to_owned()
                    }
                    _ => unversioned(&base).to_owned(),
                },
                responses: match (service, resource) {
                    (Service::Azure | Service::AzureAd, Some(resource)) => {
                        format!("{}/openai/v1/responses", resource.trim_end_matches('/'))
                    }
                    _ => format!("{base}/responses"),
                },
                responses_model: match deployment {
                    Some(deployment) => ModelId::from(deployment),
                    None => model.clone(),
                },
                model,
                key,
                service,
                base,
                query,
                organization,
            }),
            _ => None,
        };
        reading.finish(read)
    }
}

/// A provider that is called azure and has a deployment needs no type.
fn service(reading: &mut Reading<'_>, provider: &str) -> Service {
    let word = reading.text(TYPE).map(str::to_ascii_lowercase);
    match word.as_deref() {
        None if provider.eq_ignore_ascii_case("azure") && reading.text(DEPLOYMENT).is_some() => {
            Service::Azure
        }
        None | Some("openai") => Service::OpenAi,
        Some("azure") => Service::Azure,
        Some("azuread") => Service::AzureAd,
        Some(other) => {
            let message = format!("Invalid OpenAI API type '{other}'");
            reading.problem(TYPE, message);
            Service::OpenAi
        }
    }
}

fn base(reading: &mut Reading<'_>, service: Service) -> Option<String> {
    let base = reading.text(BASE);
    let deployment = reading.text(DEPLOYMENT);
    let version = reading.text(VERSION);
    let base = if service == Service::OpenAi {
        if deployment.is_some() && !reading.has_problem(TYPE) {
            reading.problem(
                DEPLOYMENT,
                format!(
                    "OpenAI route configuration can only specify a value for '{DEPLOYMENT}' if '{TYPE}' is \
                     'OpenAIAPIType.AZURE' or 'OpenAIAPIType.AZUREAD'. Found type: 'openai'"
                ),
            );
        }
        base.unwrap_or(DEFAULT_BASE)
            .trim_end_matches('/')
            .to_owned()
    } else if let (Some(base), Some(deployment), Some(_)) = (base, deployment, version) {
        format!(
            "{}/openai/deployments/{}",
            base.trim_end_matches('/'),
            escaped(deployment)
        )
    } else {
        reading.problem(
            TYPE,
            format!(
                "OpenAI route configuration must specify '{BASE}', '{DEPLOYMENT}', and '{VERSION}' if '{TYPE}' is \
                 'OpenAIAPIType.AZURE' or 'OpenAIAPIType.AZUREAD'."
            ),
        );
        return None;
    };
    if !is_address(&base) {
        reading.problem(
            BASE,
            format!("{BASE} must be an http or https address such as {DEFAULT_BASE}."),
        );
        return None;
    }
    Some(base)
}

fn organization(reading: &mut Reading<'_>, service: Service) -> Option<HeaderValue> {
    let name = reading.text(ORGANIZATION)?;
    if service != Service::OpenAi {
        reading.problem(
            ORGANIZATION,
            format!(
                "OpenAI route configuration can only specify a value for '{ORGANIZATION}' if '{TYPE}' is \
                 'OpenAIAPIType.OPENAI'"
            ),
        );
        return None;
    }
    reading.header(ORGANIZATION, name)
}
