//! Settings, checked the same way for every vendor.

use gateway_dialect::openai::Defaults;
use gateway_provider::{
    Built, Deps, HttpProvider, ProviderInfo, Reading, StaticCredential, TargetSpec,
};
use gateway_schema::{ModelId, Operation, OptionProblem, Options, Secret};
use std::sync::Arc;

use crate::wire::{LegacyWire, Vendor};

/// An address, for messages.
const EXAMPLE: &str = "http://host:8080";

/// What a vendor's settings are called, and what holds without them.
pub(crate) struct Form {
    /// The provider's name.
    pub(crate) name: &'static str,
    /// What the vendor calls itself.
    pub(crate) display_name: &'static str,
    /// What can be asked.
    pub(crate) operations: &'static [Operation],
    /// The setting of the key, and whether it is needed.
    pub(crate) key: (&'static str, bool),
    /// The setting of the address.
    pub(crate) base: &'static str,
    /// The address without the setting.
    pub(crate) default_base: Option<&'static str>,
    /// Whether the model needs a name, and which names do.
    pub(crate) model: fn(Option<&str>, Operation) -> Result<(), String>,
}

/// Settings, read.
struct Settings {
    model: ModelId,
    key: Option<Secret>,
    /// Without a slash at its end.
    base: String,
}

impl Form {
    /// Everything that is wrong with settings.
    pub(crate) fn check(&self, spec: &TargetSpec, options: &Options) -> Vec<OptionProblem> {
        self.read(spec, options).err().unwrap_or_default()
    }

    /// Builds a provider.
    pub(crate) fn build<V: Vendor>(
        &self,
        vendor: V,
        spec: &TargetSpec,
        options: &Options,
        deps: &Deps,
    ) -> Built {
        let settings = self.read(spec, options)?;
        let info = ProviderInfo::new(
            spec.provider.as_str(),
            settings.model,
            V::DIALECT,
            self.operations,
        )
        .with_display_name(self.display_name);
        let credential = StaticCredential::optional(settings.key);
        let wire = LegacyWire::new(info, vendor, settings.base, Defaults::new(&spec.defaults));
        Ok(HttpProvider::for_target(
            wire,
            spec,
            Arc::new(credential),
            deps,
        ))
    }

    fn read(&self, spec: &TargetSpec, options: &Options) -> Result<Settings, Vec<OptionProblem>> {
        let mut reading = Reading::new(options);
        let model = spec.model.as_ref().map(ModelId::as_str);
        let model = model.filter(|model| !model.is_empty());
        if let Err(message) = (self.model)(model, spec.operation) {
            reading.problem("", message);
        }
        let (name, is_needed) = self.key;
        let key = if is_needed {
            reading.required_key(name, "the API key")
        } else {
            reading.key(name)
        };
        let base = match self.default_base {
            Some(default) => reading.address(self.base, EXAMPLE).or(Some(default)),
            None => reading.required_address(self.base, EXAMPLE),
        };
        let read = base.map(|base| Settings {
            model: ModelId::from(model.unwrap_or(self.name)),
            key,
            base: base.to_owned(),
        });
        reading.finish(read)
    }
}
