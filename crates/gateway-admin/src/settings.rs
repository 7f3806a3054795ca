//! MLflow's names of settings, as the providers here have them.

use gateway_config::{ProviderEntry, SecretValue, Setting, Settings};

use crate::spec::{ModelSpec, SecretSpec};
use crate::vault::Vault;

/// Settings whose name differs by more than the provider's name in front.
const RENAMED: &[(&str, &str, &str)] = &[
    ("databricks", "api_key", "token"),
    ("databricks", "api_base", "host"),
    ("bedrock", "api_key", "aws_bearer_token"),
    ("bedrock", "aws_region_name", "aws_region"),
    ("bedrock", "aws_role_name", "aws_role_arn"),
];
/// The providers that take their settings as one map of this name.
const NESTED: &[(&str, &str)] = &[("bedrock", "aws_config")];
/// Says which fields of a form were filled in; the fields themselves say it, too.
const AUTH_MODE: &str = "auth_mode";

/// The settings of a model's provider: what the secret holds, under the names that the provider has for it. Names that
/// it does not have are passed on as they are; the check of the plan reports them.
pub(crate) fn of(
    entry: &ProviderEntry<'_>,
    model: &ModelSpec,
    secret: Option<(&str, &SecretSpec)>,
    vault: &Vault,
) -> Settings {
    let mut found: Vec<(String, Setting)> = Vec::new();
    if let Some((id, spec)) = secret {
        for (name, value) in &spec.auth_config {
            if name != AUTH_MODE {
                found.push((option(entry, name), value.as_str().into()));
            }
        }
        for name in vault.names(id) {
            let reference = SecretValue::stored(&Vault::reference(id, name));
            found.push((option(entry, name), Setting::Secret(reference)));
        }
    }
    if is_azure(model) {
        let mode = secret.and_then(|(_, spec)| spec.auth_config.get("api_type"));
        let mode = mode.map_or("azure", String::as_str);
        found.push(("openai_api_type".to_owned(), mode.into()));
        if !found
            .iter()
            .any(|(name, _)| name == "openai_deployment_name")
        {
            let deployment = model.model_name.as_str().into();
            found.push(("openai_deployment_name".to_owned(), deployment));
        }
    }
    let mut settings = Settings::default();
    for (name, setting) in found {
        settings.set(name, setting);
    }
    match NESTED.iter().find(|(provider, _)| *provider == entry.name) {
        Some((_, map)) => Settings::default().with(*map, Setting::Map(settings)),
        None => settings,
    }
}

fn is_azure(model: &ModelSpec) -> bool {
    model.provider.eq_ignore_ascii_case("azure")
}

fn option(entry: &ProviderEntry<'_>, name: &str) -> String {
    let renamed = RENAMED
        .iter()
        .find(|(provider, from, _)| *provider == entry.name && *from == name);
    if let Some((_, _, to)) = renamed {
        return (*to).to_owned();
    }
    let has = |wanted: &str| entry.options.iter().any(|option| option.name == wanted);
    if has(name) {
        return name.to_owned();
    }
    let prefixed = format!("{}_{name}", entry.name.replace('-', "_"));
    if has(&prefixed) {
        prefixed
    } else {
        name.to_owned()
    }
}
