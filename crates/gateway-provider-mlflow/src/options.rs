//! Settings.

use gateway_provider::TargetSpec;
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};
use http::{HeaderValue, Uri};

const URL: &str = "model_server_url";
const TOKEN: &str = "model_server_token";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec {
        name: URL,
        kind: OptionKind::Text,
        required: true,
        doc: "Where the model server is.",
    },
    OptionSpec {
        name: TOKEN,
        kind: OptionKind::Secret,
        required: false,
        doc: "The bearer token of a server that wants one. Default: none is sent.",
    },
];

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The model's name; a server has one model, so it need not be named.
    pub(crate) model: ModelId,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) token: Option<Secret>,
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them.
    pub(crate) fn read(spec: &TargetSpec, options: &Options) -> Result<Self, Vec<OptionProblem>> {
        let mut problems = Vec::new();
        for name in [URL, TOKEN] {
            if options.get(name).is_some_and(|value| !value.is_string()) {
                problems.push(OptionProblem::new(name, format!("{name} must be text.")));
            }
        }
        let base = options.text(URL).unwrap_or_default().trim_end_matches('/');
        if !is_address(base) {
            problems.push(OptionProblem::new(
                URL,
                format!("{URL} must be an http or https address such as http://127.0.0.1:5001."),
            ));
        }
        let token = options.text(TOKEN);
        if token.is_some_and(|token| HeaderValue::from_str(token).is_err()) {
            problems.push(OptionProblem::new(
                TOKEN,
                format!("{TOKEN} has characters that no HTTP header can carry."),
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let model = spec.model.clone();
        let model = model.filter(|model| !model.as_str().is_empty());
        Ok(Self {
            model: model.unwrap_or_else(|| ModelId::from(spec.provider.as_str())),
            base: base.to_owned(),
            token: token.map(|token| Secret::new(token.to_owned())),
        })
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
