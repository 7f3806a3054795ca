//! `check` and `schema`.

use gateway_core::config::{Strictness, json_schema};
use gateway_core::{Checked, Registry};

use crate::cli::CheckOptions;
use crate::configuration::{parse, text_of};
use crate::providers::providers;
use crate::{Failure, gateway, output};

/// Says everything that is wrong with a configuration; warnings do not refuse it.
pub(crate) fn check(options: &CheckOptions) -> Result<(), Failure> {
    let registry: Registry = providers();
    let strictness = if options.strict {
        Strictness::Strict
    } else {
        Strictness::Lenient
    };
    let text = text_of(&options.config_path)?;
    let name = options.config_path.display().to_string();
    let configuration = parse(&name, &text, &registry, strictness)?;
    let plan = &configuration.loaded.plan;
    // What only building shows. Nothing is connected to.
    gateway::assemble(plan, registry, &[], None)?;
    if !configuration.loaded.warnings.is_empty() {
        output::complain(&configuration.loaded.warnings.to_string());
    }
    let (endpoints, routes) = (plan.endpoints.len(), plan.routes.len());
    output::say(&format!(
        "{name}: fine ({endpoints} endpoints, {routes} routes)"
    ));
    Ok(())
}

/// Prints the JSON Schema of the configuration.
pub(crate) fn schema() -> Result<(), Failure> {
    let registry = providers();
    let schema = json_schema(&Checked(&registry));
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Failure::Broken(format!("The schema cannot be written: {error}")))?;
    output::say(&text);
    Ok(())
}
