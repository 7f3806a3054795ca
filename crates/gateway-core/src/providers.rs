//! The registry, as the configuration sees it.

use gateway_config::{ProviderEntry, Providers};
use gateway_provider::{Registry, TargetSpec};
use gateway_schema::{ModelId, Operation, OptionProblem, Options, ProviderName};

/// Lets the configuration check an endpoint's settings against a registry's providers.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a>(pub &'a Registry);

impl Providers for Checked<'_> {
    fn entries(&self) -> Vec<ProviderEntry<'_>> {
        self.0
            .iter()
            .map(|factory| ProviderEntry {
                name: factory.name,
                aliases: factory.aliases,
                options: factory.options,
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
        let Some(factory) = self.0.find(provider.as_str()) else {
            return Vec::new();
        };
        let target = TargetSpec::new(provider.as_str(), model.map(ModelId::from), operation);
        (factory.check)(&target, options)
    }
}
