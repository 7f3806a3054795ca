//! A table of providers with MLflow's settings, and references that lead somewhere.

use std::collections::BTreeMap;

use gateway_config::{
    FileText, Loaded, Lookup, Plan, ProviderEntry, Providers, Report, Source, Strictness, load,
};
use gateway_schema::{
    Operation, OptionKind, OptionProblem, OptionSpec, Options, ProviderName, Secret,
};

const fn option(name: &'static str, kind: OptionKind, required: bool) -> OptionSpec {
    OptionSpec {
        name,
        kind,
        required,
        doc: "A setting.",
    }
}

const fn key(name: &'static str) -> OptionSpec {
    option(name, OptionKind::Secret, true)
}

const fn text(name: &'static str) -> OptionSpec {
    option(name, OptionKind::Text, false)
}

type Row = (&'static str, &'static [&'static str], &'static [OptionSpec]);

/// Section 1.4 of the reference.
const TABLE: &[Row] = &[
    (
        "openai",
        &["azure"],
        &[
            OptionSpec {
                doc: "The API key.",
                ..key("openai_api_key")
            },
            text("openai_api_type"),
            OptionSpec {
                doc: "The base URL.",
                ..text("openai_api_base")
            },
            text("openai_api_version"),
            text("openai_deployment_name"),
            text("openai_organization"),
        ],
    ),
    (
        "anthropic",
        &[],
        &[
            key("anthropic_api_key"),
            text("anthropic_version"),
            text("anthropic_api_base"),
        ],
    ),
    ("gemini", &[], &[key("gemini_api_key")]),
    (
        "bedrock",
        &["amazon-bedrock"],
        &[option("aws_config", OptionKind::Map, true)],
    ),
    (
        "vertex_ai",
        &[],
        &[
            option("vertex_project", OptionKind::Text, true),
            text("vertex_location"),
            option("vertex_credentials", OptionKind::Secret, false),
            option("vertex_anthropic_betas", OptionKind::List, false),
        ],
    ),
    ("mistral", &[], &[key("mistral_api_key")]),
    ("cohere", &[], &[key("cohere_api_key")]),
    ("palm", &[], &[key("palm_api_key")]),
    (
        "mosaicml",
        &[],
        &[key("mosaicml_api_key"), text("mosaicml_api_base")],
    ),
    ("ai21labs", &[], &[key("ai21labs_api_key")]),
    ("togetherai", &[], &[key("togetherai_api_key")]),
    (
        "huggingface-text-generation-inference",
        &[],
        &[option("hf_server_url", OptionKind::Text, true)],
    ),
    (
        "mlflow-model-serving",
        &[],
        &[option("model_server_url", OptionKind::Text, true)],
    ),
    (
        "databricks",
        &["databricks-model-serving"],
        &[
            text("host"),
            option("token", OptionKind::Secret, false),
            text("client_id"),
            option("client_secret", OptionKind::Secret, false),
        ],
    ),
    ("groq", &[], &[key("api_key"), text("api_base")]),
    (
        "ollama",
        &[],
        &[
            option("api_key", OptionKind::Secret, false),
            text("api_base"),
        ],
    ),
    (
        "litellm",
        &[],
        &[
            text("litellm_provider"),
            option("litellm_auth_config", OptionKind::Map, false),
        ],
    ),
    ("sap-ai-core", &[], &[]),
    ("typesafe", &[], &[key("typesafe_api_key")]),
    (
        "simulator",
        &[],
        &[
            option("seed", OptionKind::Integer, false),
            option("rate", OptionKind::Number, false),
            option("faulty", OptionKind::Bool, false),
        ],
    ),
];

/// The providers of [`TABLE`], with the rules between their settings that the recordings show.
pub(crate) struct Fake;

impl Providers for Fake {
    fn entries(&self) -> Vec<ProviderEntry<'_>> {
        TABLE
            .iter()
            .map(|(name, aliases, options)| ProviderEntry {
                name,
                aliases,
                options,
            })
            .collect()
    }

    fn check(
        &self,
        provider: &ProviderName,
        model: Option<&str>,
        operation: Operation,
        options: &Options,
    ) -> Vec<OptionProblem> {
        let model = model.unwrap_or_default();
        let problem = |path: &str, message: &str| vec![OptionProblem::new(path, message)];
        match provider.as_str() {
            "openai" => match options.text("openai_api_type") {
                Some("azure" | "azuread") => Vec::new(),
                Some("openai") | None if options.text("openai_deployment_name").is_none() => {
                    Vec::new()
                }
                Some("openai") | None => {
                    problem("openai_deployment_name", "it needs the type azure")
                }
                Some(_) => problem("openai_api_type", "the type is not one of those allowed"),
            },
            "bedrock"
                if options
                    .get("aws_config")
                    .is_some_and(|map| map["aws_region"] == 7) =>
            {
                problem("aws_config.aws_region", "it must be text")
            }
            "mosaicml" if operation == Operation::Chat && !model.starts_with("llama2") => {
                problem("", "the model must start with llama2")
            }
            "ai21labs" if !["j2-ultra", "j2-mid", "j2-light"].contains(&model) => {
                problem("", "the model is not known")
            }
            _ => Vec::new(),
        }
    }
}

/// Variables, files and secrets by name.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::default()
            .with_env("REC_ENV_KEY", "sk-from-env")
            .with_env("EMPTY", "")
            .with_file("/run/secrets/key", "sk-from-file\n")
            .with_file("keyfile.txt", "sk-from-relative-file\r\n")
            .with_secret("OPENAI", "sk-from-secrets")
    }

    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn with_file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.to_owned(), content.to_owned());
        self
    }

    pub(crate) fn with_secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn load(&self, text: &str) -> Result<Loaded, Report> {
        load(
            Source::new("config.yaml", text),
            self,
            &Fake,
            Strictness::Lenient,
        )
    }
}

impl Lookup for World {
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn file(&self, path: &str) -> FileText {
        match path {
            "/run/secrets/broken" => FileText::Unreadable("permission denied".to_owned()),
            _ => self.files.get(path).map_or(FileText::Absent, |text| {
                FileText::Text(Secret::new(text.clone()))
            }),
        }
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.secrets.get(name).cloned().map(Secret::new)
    }
}

/// The plan of a text that must be accepted.
#[track_caller]
pub(crate) fn plan(text: &str) -> Plan {
    match World::new().load(text) {
        Ok(loaded) => loaded.plan,
        Err(report) => panic!("refused:\n{report}"),
    }
}

/// The plan of a text that must be accepted without a warning.
#[track_caller]
pub(crate) fn quiet(text: &str) -> Plan {
    match World::new().load(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded.plan,
        Ok(loaded) => panic!("warned:\n{}", loaded.warnings),
        Err(report) => panic!("refused:\n{report}"),
    }
}

/// The report of a text that must be refused.
#[track_caller]
pub(crate) fn refused(text: &str) -> Report {
    match World::new().load(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(report) => report,
    }
}

/// The one error of a text: its place and path, and the whole report.
#[track_caller]
pub(crate) fn only_error(text: &str) -> (usize, usize, String, String) {
    let report = refused(text);
    let errors: Vec<_> = report.errors().collect();
    let [error] = errors.as_slice() else {
        panic!("not one error:\n{report}");
    };
    let (line, column) = error.place.position();
    (line, column, error.path.clone(), report.to_string())
}

/// An endpoint called `a`, with these lines below it (four spaces in front of each).
pub(crate) fn endpoint(lines: &str) -> String {
    let mut text = "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    \
                    model: {provider: simulator, name: m}\n"
        .to_owned();
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Endpoints called `a`, `b` and `c` that chat, and `e` that embeds.
pub(crate) fn several(rest: &str) -> String {
    let mut text = "endpoints:\n".to_owned();
    for name in ["a", "b", "c"] {
        text.push_str("  - {name: ");
        text.push_str(name);
        text.push_str(", endpoint_type: llm/v1/chat, model: {provider: simulator, name: m}}\n");
    }
    text.push_str(
        "  - {name: e, endpoint_type: llm/v1/embeddings, model: {provider: simulator, name: m}}\n",
    );
    text.push_str(rest);
    text
}
