//! Settings, checked the same way for every vendor.

use gateway_dialect::openai::Defaults;
use gateway_provider::{Deps, HttpProvider, Provider, ProviderInfo, StaticCredential, TargetSpec};
use gateway_schema::{ModelId, Operation, OptionProblem, Options, Secret};
use http::{HeaderValue, Uri};
use std::sync::Arc;

use crate::wire::{LegacyWire, Vendor};

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
    ) -> Result<Arc<dyn Provider>, Vec<OptionProblem>> {
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
        let mut problems = Vec::new();
        let model = spec.model.as_ref().map(ModelId::as_str);
        let model = model.filter(|model| !model.is_empty());
        if let Err(message) = (self.model)(model, spec.operation) {
            problems.push(OptionProblem::new("", message));
        }
        let (name, is_needed) = self.key;
        let key = text(options, name, &mut problems);
        if key.is_none() && is_needed {
            let message = format!("{name} is missing: give the API key as text.");
            problems.push(OptionProblem::new(name, message));
        }
        if key.is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            let message = format!("{name} has characters that no HTTP header can carry.");
            problems.push(OptionProblem::new(name, message));
        }
        let name = self.base;
        let base = text(options, name, &mut problems).or(self.default_base);
        let base = base.unwrap_or_default().trim_end_matches('/');
        if !is_address(base) {
            let message =
                format!("{name} must be an http or https address such as http://host:8080.");
            problems.push(OptionProblem::new(name, message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Settings {
            model: ModelId::from(model.unwrap_or(self.name)),
            key: key.map(|key| Secret::new(key.to_owned())),
            base: base.to_owned(),
        })
    }
}

fn text<'a>(
    options: &'a Options,
    name: &str,
    problems: &mut Vec<OptionProblem>,
) -> Option<&'a str> {
    if options.get(name).is_some_and(|value| !value.is_string()) {
        problems.push(OptionProblem::new(name, format!("{name} must be text.")));
    }
    options.text(name)
}

fn is_address(base: &str) -> bool {
    let Ok(uri) = base.parse::<Uri>() else {
        return false;
    };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none()
}
