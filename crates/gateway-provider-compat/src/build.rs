//! Providers from rows.

use std::sync::Arc;

use gateway_provider::{
    Built, Credential, Credentials, Deps, HttpProvider, StaticCredential, TargetSpec,
};
use gateway_schema::{OptionProblem, Options};

use crate::options::{Identity, Settings};
use crate::preset::Preset;
use crate::wire::CompatWire;
use crate::workspace::Principal;

/// Says everything that is wrong with settings, as far as that can be told without the environment.
pub(crate) fn check(preset: &Preset, spec: &TargetSpec, options: &Options) -> Vec<OptionProblem> {
    Settings::read(preset, spec, options, None)
        .err()
        .unwrap_or_default()
}

/// Builds the provider of a row.
pub(crate) fn build(
    preset: &'static Preset,
    spec: &TargetSpec,
    options: &Options,
    deps: &Deps,
) -> Built {
    let settings = Settings::read(preset, spec, options, Some(&*deps.environment))?;
    let Some(mut settings) = settings else {
        let message = format!("The settings of {} are not complete.", preset.display_name);
        return Err(vec![OptionProblem::new("", message)]);
    };
    let identity = std::mem::replace(&mut settings.identity, Identity::Anyone);
    let credentials: Arc<dyn Credentials> = match identity {
        Identity::Anyone => Arc::new(StaticCredential::new(Credential::None)),
        Identity::Key(key) => Arc::new(StaticCredential::new(Credential::Key(key))),
        Identity::Principal { host, id, secret } => Arc::new(Principal::new(
            (host, id, secret),
            Arc::clone(&deps.transport),
            Arc::clone(&deps.clock),
            spec.limits,
        )),
    };
    let wire = CompatWire::new(preset, spec.provider.as_str(), settings, &spec.defaults);
    Ok(HttpProvider::for_target(wire, spec, credentials, deps))
}
