//! `litellm`: configurations of MLflow that reach a provider by way of that Python library.
//!
//! No Python runs here: the provider that such a configuration means answers itself, under its own name, with the
//! credentials written for the library. What the library knows and this program does not is refused at start.

use std::sync::Arc;

use gateway_core::provider::{Deps, Factory, Provider, Registry, TargetSpec};
use gateway_core::schema::{ModelId, Operation, OptionKind, OptionProblem, OptionSpec, Options};
use serde_json::{Map, Value};

const NAME: &str = "litellm";
const PROVIDER: &str = "litellm_provider";
const AUTH: &str = "litellm_auth_config";

/// The library's names of providers that have another name here.
const NAMES: &[(&str, &str)] = &[
    ("bedrock_converse", "bedrock"),
    ("cohere_chat", "cohere"),
    ("hosted_vllm", "vllm"),
    ("litellm_proxy", "openai-compatible"),
    ("ollama_chat", "ollama"),
    ("text-completion-openai", "openai"),
    ("vertex_ai_beta", "vertex-ai"),
];

/// The library's names of settings that have another name here: provider (any if empty), theirs, ours.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("databricks", "api_key", "token"),
    ("databricks", "api_base", "host"),
    ("", "base_url", "api_base"),
    ("", "aws_region_name", "aws_region"),
    ("", "aws_role_name", "aws_role_arn"),
];

/// Asks the provider that is meant.
pub(crate) const LITELLM: Factory = Factory {
    name: NAME,
    aliases: &[],
    display_name: "LiteLLM",
    options: &[
        OptionSpec {
            name: PROVIDER,
            kind: OptionKind::Text,
            required: false,
            doc: "The provider to ask, under its own name. Default: what stands before the / in the model's name.",
        },
        OptionSpec {
            name: AUTH,
            kind: OptionKind::Map,
            required: false,
            doc: "What the provider is asked with: api_key, api_base and whatever else it takes.",
        },
    ],
    operations: &[Operation::Chat, Operation::Completion, Operation::Embedding],
    check: |spec, options| check(&crate::providers(), spec, options),
    build: |spec, options, deps| build(&crate::providers(), spec, options, deps),
};

fn check(registry: &Registry, spec: &TargetSpec, options: &Options) -> Vec<OptionProblem> {
    match Meant::read(registry, spec, options) {
        Ok(meant) => below((meant.factory.check)(&meant.spec, &meant.options)),
        Err(problems) => problems,
    }
}

fn build(
    registry: &Registry,
    spec: &TargetSpec,
    options: &Options,
    deps: &Deps,
) -> Result<Arc<dyn Provider>, Vec<OptionProblem>> {
    let meant = Meant::read(registry, spec, options)?;
    (meant.factory.build)(&meant.spec, &meant.options, deps).map_err(below)
}

/// Problems that a provider has with settings which stand below ours.
fn below(problems: Vec<OptionProblem>) -> Vec<OptionProblem> {
    let of_settings = |mut problem: OptionProblem| {
        if !problem.path.is_empty() {
            AUTH.clone_into(&mut problem.path);
        }
        problem
    };
    problems.into_iter().map(of_settings).collect()
}

/// The provider that a configuration means, with its settings.
struct Meant {
    factory: Factory,
    spec: TargetSpec,
    options: Options,
}

impl Meant {
    fn read(
        registry: &Registry,
        spec: &TargetSpec,
        options: &Options,
    ) -> Result<Self, Vec<OptionProblem>> {
        let model = spec.model.as_ref().map_or("", ModelId::as_str);
        let (name, model) = match (options.text(PROVIDER), model.split_once('/')) {
            (Some(name), _) => (name, model),
            (None, Some((name, model))) => (name, model),
            (None, None) => {
                let message = format!("{PROVIDER} is missing: name the provider to ask.");
                return Err(vec![OptionProblem::new(PROVIDER, message)]);
            }
        };
        let renamed = NAMES.iter().find(|(theirs, _)| *theirs == name);
        let spelled = renamed.map_or(name, |(_, ours)| *ours);
        let found = registry
            .find(spelled)
            .filter(|factory| factory.name != NAME);
        let Some(factory) = found.copied() else {
            let known = registry.iter().map(|factory| factory.name);
            let known: Vec<&str> = known.filter(|known| *known != NAME).collect();
            return Err(vec![OptionProblem::new(
                PROVIDER,
                format!(
                    "{PROVIDER} is '{}', which is not among the providers here: {}.",
                    name.escape_debug(),
                    known.join(", ")
                ),
            )]);
        };
        let mut meant = spec.clone();
        spelled.clone_into(&mut meant.provider);
        meant.model = (!model.is_empty()).then(|| ModelId::from(model));
        Ok(Self {
            options: settings(&factory, &meant, options)?,
            spec: meant,
            factory,
        })
    }
}

/// The settings under the names of the provider that is meant.
fn settings(
    factory: &Factory,
    spec: &TargetSpec,
    options: &Options,
) -> Result<Options, Vec<OptionProblem>> {
    let mut problems = Vec::new();
    let mut out = Map::new();
    let given = match options.get(AUTH) {
        Some(Value::Object(given)) => given.clone(),
        None => Map::new(),
        Some(_) => {
            let message = format!("{AUTH} must be a map.");
            return Err(vec![OptionProblem::new(AUTH, message)]);
        }
    };
    let mut cloud = Map::new();
    for (key, value) in given {
        let name = SETTINGS
            .iter()
            .find(|(of, theirs, _)| *theirs == key && (of.is_empty() || *of == factory.name))
            .map_or(key.as_str(), |(_, _, ours)| *ours);
        if name == "auth_mode" || value.is_null() {
            continue;
        }
        if let Some(option) = option(factory, name) {
            out.insert(option.to_owned(), value);
        } else if name.starts_with("aws_") && option(factory, "aws_config").is_some() {
            cloud.insert(name.to_owned(), value);
        } else {
            let known: Vec<&str> = factory.options.iter().map(|option| option.name).collect();
            let message = format!(
                "'{}' is not a setting of {} here; it has {}.",
                key.escape_debug(),
                factory.name,
                known.join(", ")
            );
            problems.push(OptionProblem::new(AUTH, message));
        }
    }
    if !cloud.is_empty() {
        out.insert("aws_config".to_owned(), cloud.into());
    }
    adapt(factory, spec, &mut out);
    for needed in factory.options.iter().filter(|option| option.required) {
        if !out.contains_key(needed.name) {
            let message = format!(
                "{} needs {}: give it below {AUTH}. {}",
                factory.name, needed.name, needed.doc
            );
            problems.push(OptionProblem::new(AUTH, message));
        }
    }
    if problems.is_empty() {
        Ok(Options::new(out))
    } else {
        Err(problems)
    }
}

/// The provider's setting of this name: itself, or with the provider's own name before it.
fn option(factory: &Factory, name: &str) -> Option<&'static str> {
    let names = || factory.options.iter().map(|option| option.name);
    names().find(|option| *option == name).or_else(|| {
        names().find(|option| {
            option
                .strip_suffix(name)
                .is_some_and(|before| before.ends_with('_'))
        })
    })
}

/// What the library does by itself.
fn adapt(factory: &Factory, spec: &TargetSpec, out: &mut Map<String, Value>) {
    let set = |out: &mut Map<String, Value>, name: &str, value: &str| {
        if option(factory, name) == Some(name) {
            out.entry(name).or_insert_with(|| value.into());
        }
    };
    // Azure's deployments are named by the model.
    if spec.provider == "azure" {
        set(out, "openai_api_type", "azure");
        let model = spec.model.as_ref().map_or("", ModelId::as_str);
        set(out, "openai_deployment_name", model);
    }
    // The library adds the version of the API to this address, and MLflow's setting has it.
    if let Some(Value::String(base)) = out.get_mut("anthropic_api_base") {
        let plain = base.trim_end_matches('/');
        if !plain.ends_with("/v1") {
            *base = format!("{plain}/v1");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meant(model: &str, settings: &Value) -> Result<(String, String, Options), String> {
        let spec = TargetSpec::new(NAME, Some(model.into()), Operation::Chat);
        let options = Options::new(settings.as_object().unwrap().clone());
        let registry = crate::providers();
        let problems = check(&registry, &spec, &options);
        if let Some(problem) = problems.first() {
            return Err(format!("{}: {}", problem.path, problem.message));
        }
        let meant = Meant::read(&registry, &spec, &options).map_err(|_| "unread")?;
        let model = meant.spec.model.unwrap().to_string();
        Ok((meant.spec.provider, model, meant.options))
    }

    #[test]
    fn the_provider_that_is_meant_gets_its_own_settings() {
        let settings = json!({"litellm_provider": "openai",
            "litellm_auth_config": {"api_key": "sk", "auth_mode": "api_key"}});
        let (provider, model, options) = meant("gpt-4o", &settings).unwrap();
        assert_eq!((provider.as_str(), model.as_str()), ("openai", "gpt-4o"));
        assert_eq!(options.text("openai_api_key"), Some("sk"));
        let settings =
            json!({"litellm_auth_config": {"api_key": "k", "api_base": "https://a.example"}});
        let (provider, model, options) = meant("anthropic/claude-x", &settings).unwrap();
        assert_eq!(
            (provider.as_str(), model.as_str()),
            ("anthropic", "claude-x")
        );
        let base = options.text("anthropic_api_base");
        assert_eq!(base, Some("https://a.example/v1"));
        let settings = json!({"litellm_provider": "azure", "litellm_auth_config":
            {"api_key": "k", "api_base": "https://r.openai.azure.com", "api_version": "2024-10-21"}});
        let (_, _, options) = meant("my-deployment", &settings).unwrap();
        let deployment = options.text("openai_deployment_name");
        assert_eq!(deployment, Some("my-deployment"));
        let settings =
            json!({"litellm_provider": "together_ai", "litellm_auth_config": {"api_key": "k"}});
        let (_, _, options) = meant("m", &settings).unwrap();
        assert_eq!(options.text("togetherai_api_key"), Some("k"));
        let settings = json!({"litellm_provider": "bedrock",
            "litellm_auth_config": {"aws_bearer_token": "k", "aws_region_name": "eu-west-1"}});
        let (_, _, options) = meant("amazon.nova-lite-v1:0", &settings).unwrap();
        assert_eq!(
            options.get("aws_config"),
            Some(&json!({"aws_bearer_token": "k", "aws_region": "eu-west-1"}))
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let refused = |model, settings: Value| meant(model, &settings).unwrap_err();
        assert!(
            refused("m", json!({})).starts_with("litellm_provider: litellm_provider is missing")
        );
        let unknown = refused("m", json!({"litellm_provider": "predibase"}));
        assert!(unknown.contains("'predibase', which is not among"));
        let itself = refused("m", json!({"litellm_provider": "litellm"}));
        assert!(itself.contains("not among"));
        let keyless = refused("m", json!({"litellm_provider": "openai"}));
        assert!(keyless.starts_with("litellm_auth_config: openai needs openai_api_key"));
        let settings = json!({"litellm_provider": "openai",
            "litellm_auth_config": {"api_key": "k-secret", "drop_params": true}});
        let extra = refused("m", settings);
        assert!(extra.contains("'drop_params'") && !extra.contains("k-secret"));
    }
}
