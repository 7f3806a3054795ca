//! Settings.

use gateway_provider::{Reading, TargetSpec};
use gateway_schema::{ModelId, OptionKind, OptionProblem, OptionSpec, Options, Secret};

const URL: &str = "model_server_url";
const TOKEN: &str = "model_server_token";

/// The accepted settings.
pub(crate) const SPECS: &[OptionSpec] = &[
    OptionSpec::required(URL, OptionKind::Text, "Where the model server is."),
    OptionSpec::optional(
        TOKEN,
        OptionKind::Secret,
        "The bearer token of a server that wants one. Default: none is sent.",
    ),
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
        let mut reading = Reading::new(options);
        let base = reading.required_address(URL, "http://127.0.0.1:5001");
        let token = reading.key(TOKEN);
        let model = spec.model.clone();
        let model = model.filter(|model| !model.as_str().is_empty());
        let read = base.map(|base| Self {
            model: model.unwrap_or_else(|| ModelId::from(spec.provider.as_str())),
            base: base.to_owned(),
            token,
        });
        reading.finish(read)
    }
}
