//! Settings.

use gateway_provider::{TargetSpec, is_address};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::HeaderValue;
use serde_json::Value;

use crate::defaults::Defaults;

const KEY: &str = "gemini_api_key";
const BASE: &str = "gemini_api_base";
const DEFAULT_BASE: &str = "https://generativelanguage.googleapis.com/v1beta";
const PROJECT: &str = "vertex_project";
const LOCATION: &str = "vertex_location";
const CREDENTIALS: &str = "vertex_credentials";
const BETAS: &str = "vertex_anthropic_betas";
const VERTEX_BASE: &str = "vertex_api_base";

/// The settings of AI Studio.
pub(crate) const STUDIO: &[OptionSpec] = &[
    spec(KEY, OptionKind::Secret, true, "The API key."),
    spec(
        BASE,
        OptionKind::Text,
        false,
        "Where the API is. Default: https://generativelanguage.googleapis.com/v1beta.",
    ),
];

/// The settings of Vertex AI.
pub(crate) const VERTEX: &[OptionSpec] = &[
    spec(
        PROJECT,
        OptionKind::Text,
        true,
        "The id of the Google Cloud project.",
    ),
    spec(
        LOCATION,
        OptionKind::Text,
        false,
        "The location. Default: global; us-central1 for models as a service.",
    ),
    spec(
        CREDENTIALS,
        OptionKind::Secret,
        false,
        "A service account, a user's credentials or a federated account (external_account) as JSON text, or the path of a file with it. Default: application default credentials.",
    ),
    spec(
        BETAS,
        OptionKind::List,
        false,
        "Which anthropic-beta values of callers are passed on to Claude. Default: all; an empty list passes none.",
    ),
    spec(
        VERTEX_BASE,
        OptionKind::Text,
        false,
        "Where the API is, up to and without /v1. Default: Google's host of the location.",
    ),
];

const fn spec(
    name: &'static str,
    kind: OptionKind,
    required: bool,
    doc: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        kind,
        required,
        doc,
    }
}

/// What a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// The Gemini API.
    Gemini,
    /// Anthropic's Messages API.
    Claude,
    /// OpenAI's chat completions: models as a service.
    Maas,
}

impl Family {
    /// Told by the name, as MLflow does.
    pub(crate) fn of(model: &str) -> Self {
        let starts = |words: &[&str]| words.iter().any(|word| model.starts_with(word));
        if starts(&["claude"]) {
            Self::Claude
        } else if model.contains('/')
            || starts(&["mistral", "codestral", "jamba"])
            || model.ends_with("-maas")
        {
            Self::Maas
        } else {
            Self::Gemini
        }
    }
}

/// Settings of AI Studio, read.
#[derive(Debug)]
pub(crate) struct Studio {
    pub(crate) model: ModelId,
    pub(crate) key: Secret,
    /// Without a slash at its end.
    pub(crate) base: String,
}

/// Settings of Vertex AI, read.
#[derive(Debug)]
pub(crate) struct Vertex {
    pub(crate) model: ModelId,
    pub(crate) project: String,
    pub(crate) location: Option<String>,
    pub(crate) credentials: Option<Secret>,
    /// `None` passes every beta on.
    pub(crate) betas: Option<Vec<String>>,
    pub(crate) base: Option<String>,
}

struct Reading<'a> {
    options: &'a Options,
    problems: Vec<OptionProblem>,
}

impl<'a> Reading<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(OptionProblem::new(name, message));
    }

    fn text(&mut self, name: &str) -> Option<&'a str> {
        if self
            .options
            .get(name)
            .is_some_and(|value| !value.is_string())
        {
            self.problem(name, format!("{name} must be text."));
        }
        self.options.text(name)
    }

    fn required(&mut self, name: &str, what: &str) -> String {
        let found = self.text(name).map(str::to_owned);
        if found.is_none() {
            self.problem(name, format!("{name} is missing: give {what} as text."));
        }
        found.unwrap_or_default()
    }

    fn model(&mut self, spec: &TargetSpec) -> ModelId {
        let name = spec.model.as_ref().map(AsRef::as_ref).unwrap_or_default();
        let name: &str = name;
        let name = name.strip_prefix("models/").unwrap_or(name);
        if name.is_empty() {
            self.problem("", "The model needs a name, for instance gemini-2.5-flash.");
        } else if !name.bytes().all(is_plain) {
            self.problem(
                "",
                "The model's name may have letters, digits and -_.@/: only.",
            );
        }
        ModelId::from(name)
    }

    fn address(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?.trim_end_matches('/');
        if !is_address(text) {
            self.problem(
                name,
                format!("{name} must be an http or https address such as {DEFAULT_BASE}."),
            );
        }
        Some(text.to_owned())
    }

    fn name(&mut self, name: &str, text: &str) {
        if !text.bytes().all(|byte| is_plain(byte) && byte != b'/') {
            self.problem(
                name,
                format!("{name} may have letters, digits and -_.: only."),
            );
        }
    }

    fn betas(&mut self) -> Option<Vec<String>> {
        let value = self.options.get(BETAS)?;
        let words = |text: &str| {
            text.split(',')
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
        };
        match value {
            Value::String(text) => Some(words(text)),
            Value::Array(items) if items.iter().all(Value::is_string) => Some(
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .flat_map(words)
                    .collect(),
            ),
            _ => {
                self.problem(
                    BETAS,
                    format!("{BETAS} must be a list of text, or text with commas."),
                );
                None
            }
        }
    }

    fn defaults(&mut self, spec: &TargetSpec) {
        if let Err(error) = Defaults::read(&spec.defaults) {
            self.problems.extend(crate::problems(&error));
        }
    }

    fn finish<T>(self, value: T) -> Result<T, Vec<OptionProblem>> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(self.problems)
        }
    }
}

/// What may stand in a path as it is.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'/' | b':')
}

impl Studio {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let model = reading.model(spec);
        let key = reading.required(KEY, "a Gemini API key");
        if HeaderValue::from_str(&key).is_err() {
            reading.problem(
                KEY,
                format!("{KEY} has characters that no HTTP header can carry."),
            );
        }
        let base = reading
            .address(BASE)
            .unwrap_or_else(|| DEFAULT_BASE.to_owned());
        let base = base.strip_suffix("/models").unwrap_or(&base).to_owned();
        reading.defaults(spec);
        reading.finish(Self {
            model,
            key: Secret::new(key),
            base,
        })
    }
}

impl Vertex {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let model = reading.model(spec);
        let project = reading.required(PROJECT, "the id of a Google Cloud project");
        reading.name(PROJECT, &project);
        let location = reading.text(LOCATION).map(str::to_owned);
        if let Some(location) = &location {
            reading.name(LOCATION, location);
        }
        let credentials = match options.get(CREDENTIALS) {
            // YAML may hold the JSON as a map of its own.
            Some(map @ Value::Object(_)) => Some(map.to_string()),
            _ => reading.text(CREDENTIALS).map(str::to_owned),
        };
        if let Some(text) = &credentials
            && text.starts_with('{')
            && let Err(message) = crate::credentials::check(text)
        {
            reading.problem(CREDENTIALS, format!("{CREDENTIALS} {message}"));
        }
        let betas = reading.betas();
        let base = reading.address(VERTEX_BASE);
        reading.defaults(spec);
        reading.finish(Self {
            model,
            project,
            location,
            credentials: credentials.map(Secret::new),
            betas,
            base,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Family;

    #[test]
    fn the_name_tells_what_a_model_speaks() {
        for (name, family) in [
            ("gemini-2.5-flash", Family::Gemini),
            ("text-embedding-004", Family::Gemini),
            ("claude-sonnet-4-5@20250929", Family::Claude),
            ("meta/llama-4-maverick-17b-128e-instruct-maas", Family::Maas),
            ("codestral-2501", Family::Maas),
            ("deepseek-r1-0528-maas", Family::Maas),
        ] {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
