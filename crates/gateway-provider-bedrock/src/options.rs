//! Settings.

use gateway_provider::{TargetSpec, is_address};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use serde_json::{Map, Value};

use crate::defaults::Defaults;
use crate::place::is_region;

const CONFIG: &str = "aws_config";
const ENDPOINT: &str = "aws_endpoint_url";
/// How long an assumed role lasts, in seconds, when nothing is said.
const DEFAULT_SESSION: u64 = 900;

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec::required(
        CONFIG,
        OptionKind::Map,
        "Who calls, and where: aws_bearer_token; or aws_role_arn with session_length_seconds (900) and \
         aws_external_id; or aws_access_key_id, aws_secret_access_key and aws_session_token; or none of them for what \
         AWS's own clients find. Beside each: aws_region, aws_profile, aws_endpoint_url.",
    ),
    OptionSpec::optional(
        ENDPOINT,
        OptionKind::Text,
        "Where Bedrock is. Default: AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL, or AWS in the region.",
    ),
];

/// Keys as they stand in the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) token: Option<Secret>,
}

/// A role to be assumed.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) session: String,
    pub(crate) external_id: Option<String>,
    pub(crate) seconds: u64,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    Bearer(Secret),
    /// With these keys, or with what the default chain finds.
    Role(Role, Option<Keys>),
    Keys(Keys),
    Default,
}

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelId,
    pub(crate) identity: Identity,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) defaults: Defaults,
}

/// Reads the fields of `aws_config`.
struct Reader<'a> {
    fields: &'a Map<String, Value>,
    problems: Vec<OptionProblem>,
}

impl Reader<'_> {
    fn problem(&mut self, key: &str, text: &str) {
        let message = format!("{CONFIG}.{key} {text}");
        self.problems
            .push(OptionProblem::new(format!("{CONFIG}.{key}"), message));
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.fields.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) if text.chars().any(char::is_control) => {
                self.problem(key, "has characters that no HTTP header can carry.");
                None
            }
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => {
                self.problem(key, "must be text.");
                None
            }
        }
    }

    fn secret(&mut self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    fn keys(&mut self) -> Option<Keys> {
        let id = self.text("aws_access_key_id");
        let secret = self.secret("aws_secret_access_key");
        let token = self.secret("aws_session_token");
        match (id, secret) {
            (Some(id), Some(secret)) => Some(Keys { id, secret, token }),
            (None, None) => None,
            (Some(_), None) => {
                self.problem(
                    "aws_secret_access_key",
                    "is missing beside aws_access_key_id.",
                );
                None
            }
            (None, Some(_)) => {
                self.problem(
                    "aws_access_key_id",
                    "is missing beside aws_secret_access_key.",
                );
                None
            }
        }
    }

    fn seconds(&mut self) -> u64 {
        let key = "session_length_seconds";
        let seconds = match self.fields.get(key) {
            None | Some(Value::Null) => return DEFAULT_SESSION,
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_u64(),
        };
        seconds
            .filter(|seconds| (900..=43_200).contains(seconds))
            .unwrap_or_else(|| {
                self.problem(key, "must be a whole number of seconds from 900 to 43200.");
                DEFAULT_SESSION
            })
    }

    /// The first shape that matches counts, as with MLflow.
    fn identity(&mut self) -> Identity {
        if let Some(token) = self.secret("aws_bearer_token") {
            return Identity::Bearer(token);
        }
        let keys = self.keys();
        if let Some(arn) = self.text("aws_role_arn") {
            let role = Role {
                arn,
                session: self
                    .text("aws_role_session_name")
                    .unwrap_or_else(|| "ai-gateway-bedrock".to_owned()),
                external_id: self.text("aws_external_id"),
                seconds: self.seconds(),
            };
            return Identity::Role(role, keys);
        }
        keys.map_or(Identity::Default, Identity::Keys)
    }
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let none = Map::new();
        let config = options.get(CONFIG);
        let mut reader = Reader {
            fields: config.and_then(Value::as_object).unwrap_or(&none),
            problems: Vec::new(),
        };
        let model = spec
            .model
            .clone()
            .filter(|model| !model.as_str().is_empty());
        if model.is_none() {
            reader.problems.push(OptionProblem::new(
                "",
                "The model needs a name, for instance anthropic.claude-sonnet-4-5-20250929-v1:0.",
            ));
        }
        match config {
            // Keys that are not known are passed over, as MLflow does.
            Some(Value::Object(_)) => {}
            Some(_) => reader.problems.push(OptionProblem::new(
                CONFIG,
                format!("{CONFIG} must be a map."),
            )),
            None => reader.problems.push(OptionProblem::new(
                CONFIG,
                format!("{CONFIG} is missing: give a map, at least with aws_region."),
            )),
        }
        let identity = reader.identity();
        let region = reader.text("aws_region");
        if region.as_deref().is_some_and(|region| !is_region(region)) {
            reader.problem("aws_region", "must be a region such as us-east-1.");
        }
        let profile = reader.text("aws_profile");
        let inner = reader.text(ENDPOINT);
        let mut problems = reader.problems;
        if options
            .get(ENDPOINT)
            .is_some_and(|value| !value.is_string())
        {
            problems.push(OptionProblem::new(
                ENDPOINT,
                format!("{ENDPOINT} must be text."),
            ));
        }
        let endpoint = options.text(ENDPOINT).map(str::to_owned).or(inner);
        if endpoint
            .as_deref()
            .is_some_and(|address| !is_address(address))
        {
            problems.push(OptionProblem::new(
                ENDPOINT,
                format!("{ENDPOINT} must be an http or https address."),
            ));
        }
        let name = model.as_ref().map_or("", |model| model.as_str());
        let defaults = Defaults::read(&spec.defaults, spec.operation, name)
            .map_err(|found| problems.extend(found));
        match (model, defaults) {
            (Some(model), Ok(defaults)) if problems.is_empty() => Ok(Self {
                model,
                identity,
                region,
                profile,
                endpoint,
                defaults,
            }),
            _ => Err(problems),
        }
    }
}
