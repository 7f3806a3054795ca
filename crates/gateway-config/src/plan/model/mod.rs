//! `model`: which provider answers, as which model, with which settings and which request defaults.

mod defaults;
mod settings;

pub(crate) use settings::{names_a_credential, without_user};

use std::collections::BTreeSet;
use std::fmt;

use gateway_schema::{ModelId, Operation, Options, ProviderName};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::context::Context;
use crate::diagnostic::{Diagnostic, Kind, alternatives, shown};
use crate::file::Place;
use crate::file::check::{self, Echo, describe};
use crate::file::item::{Item, Pair};
use crate::file::shape::{Key, Section, Shape};
use crate::source::{Found, find};

pub(crate) use defaults::{PARAMETERS, parameter};

pub(crate) static SECTION: Section = Section::new(
    "a model",
    &[
        Key::required(
            "provider",
            Shape::Text,
            "The provider. Case does not matter; `-` and `_` are the same.",
        ),
        Key::optional("name", Shape::Text, "The provider's name of the model."),
        Key::optional(
            "config",
            Shape::Settings,
            "The provider's settings, and defaults for request parameters that a request lacks.",
        ),
    ],
)
.open();

/// Which provider answers, as which model, with which settings.
///
/// `Debug` and serialization show no setting that may be a credential.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// The provider, by its own name.
    pub provider: ProviderName,
    /// The name or alias by which the configuration asks for it, in the provider table's spelling.
    pub provider_alias: ProviderName,
    /// The provider's name of the model.
    pub name: Option<ModelId>,
    /// The provider's settings, references resolved.
    pub options: Options,
    /// The same settings with each further credential, where a credential was given as a list.
    pub spare_options: Vec<Options>,
    /// Values for request parameters that a request lacks.
    pub defaults: Map<String, Value>,
    /// The settings that may be shown.
    pub public: BTreeSet<String>,
    /// Where it stands.
    pub place: Place,
}

impl Model {
    /// A model without settings.
    pub fn new(provider: impl Into<ProviderName>) -> Self {
        let provider = provider.into();
        Self {
            provider_alias: provider.clone(),
            provider,
            name: None,
            options: Options::default(),
            spare_options: Vec::new(),
            defaults: Map::new(),
            public: BTreeSet::new(),
            place: Place::default(),
        }
    }

    /// Names the model.
    pub fn with_name(mut self, name: impl Into<ModelId>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives the provider's settings. None of them is shown anywhere.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Every set of settings that a call may use: one for each credential.
    pub fn accounts(&self) -> impl Iterator<Item = &Options> {
        std::iter::once(&self.options).chain(&self.spare_options)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("provider", &self.provider)
            .field("provider_alias", &self.provider_alias)
            .field("name", &self.name)
            .field("options", &self.options)
            .field("accounts", &self.accounts().count())
            .field("defaults", &self.defaults)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("provider", &self.provider_alias)?;
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        let mut config = Map::new();
        for name in self.options.names() {
            let value = self.options.get(name).cloned().unwrap_or(Value::Null);
            let shown = settings::redacted(name, value, &self.public, self.spare_options.len());
            config.insert(name.to_owned(), shown);
        }
        config.extend(self.defaults.clone());
        map.serialize_entry("config", &config)?;
        map.end()
    }
}

/// In which of its two forms an endpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `endpoints`: settings stand under `model.config`.
    Current,
    /// `routes` with `route_type`: settings may stand beside the model's name, too.
    Older,
}

pub(crate) fn read(
    item: &Item<'_>,
    operation: Operation,
    form: Form,
    context: &mut Context<'_>,
) -> Option<Model> {
    let provider = item.get("provider");
    let providers = context.providers;
    let found = provider
        .as_ref()
        .and_then(Item::text)
        .and_then(|written| find(providers, written));
    let (Some(provider), Some(found)) = (&provider, found) else {
        if let Some(provider) = &provider {
            unknown_provider(provider, context);
        }
        near_misses(item, context);
        return None;
    };
    let written = provider.text()?;
    if !context.policy.allows(found.entry.name) {
        let message = format!(
            "Provider '{}' is not allowed by the current gateway provider policy.",
            shown(written)
        );
        let diagnostic = Diagnostic::error(Kind::Value, provider.place(), message)
            .at(&provider.path)
            .allowed(context.policy.names())
            .help("MLFLOW_GATEWAY_ALLOWED_PROVIDERS lists the providers that may be used");
        context.problems.push(diagnostic);
    }
    let name = item.text_at("name").filter(|name| !name.trim().is_empty());
    let pairs = settings_of(item, &found, form, context);
    let given = settings::read(&pairs, &found, operation, item, context);
    let mut model = Model::new(found.entry.name);
    model.provider_alias = ProviderName::new(found.spelled);
    model.name = name.map(ModelId::from);
    model.options = given.options;
    model.spare_options = given.spare;
    model.defaults = given.defaults;
    model.public = given.public;
    model.place = item.place();
    if given.complete {
        judge(&model, &pairs, operation, item, context);
    }
    Some(model)
}

/// Lets the provider judge the settings, once for each credential.
fn judge(
    model: &Model,
    pairs: &[Pair<'_>],
    operation: Operation,
    item: &Item<'_>,
    context: &mut Context<'_>,
) {
    let name = model.name.as_ref().map(ModelId::as_str);
    let mut told = BTreeSet::new();
    for options in model.accounts() {
        let problems = context
            .providers
            .check(&model.provider, name, operation, options);
        for problem in problems {
            if !told.insert((problem.path.clone(), problem.message.clone())) {
                continue;
            }
            let first = problem.path.split('.').next().unwrap_or_default();
            let pair = pairs.iter().find(|pair| pair.key == first);
            let path = match pair {
                _ if problem.path.is_empty() => item.path.clone(),
                Some(pair) => {
                    let rest = problem.path.get(first.len()..).unwrap_or_default();
                    pair.item.path.below(rest)
                }
                None => item.below("config").below(&problem.path),
            };
            let place = pair.map_or(item.place(), |pair| pair.item.place());
            let diagnostic = Diagnostic::error(Kind::Value, place, problem.message).at(path);
            context.problems.push(diagnostic);
        }
    }
}

/// Reports keys that look like those of a model, where the provider is not known and any other may be a setting.
fn near_misses(item: &Item<'_>, context: &mut Context<'_>) {
    for pair in item.pairs() {
        let known = SECTION.key(pair.key).is_some();
        if !known && crate::diagnostic::nearest(pair.key, SECTION.names()).is_some() {
            check::unknown(&pair, "a model", SECTION.names(), context.problems);
        }
    }
}

fn unknown_provider(item: &Item<'_>, context: &mut Context<'_>) {
    let Some(written) = item.text() else { return };
    let entries = context.providers.entries();
    let names = || {
        entries
            .iter()
            .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()))
    };
    let message = format!("The provider '{}' is not supported.", shown(written));
    let diagnostic = Diagnostic::error(Kind::Value, item.place(), message)
        .at(&item.path)
        .found(describe(item.node, Echo::Yes))
        .allowed(alternatives(names()))
        .near(written, names());
    context.problems.push(diagnostic);
}

/// The settings: what stands under `config`, and in the older form also what stands beside it.
fn settings_of<'n>(
    item: &Item<'n>,
    found: &Found<'_>,
    form: Form,
    context: &mut Context<'_>,
) -> Vec<Pair<'n>> {
    let mut pairs: Vec<Pair<'n>> = Vec::new();
    for pair in item.pairs() {
        if SECTION.key(pair.key).is_some() {
            continue;
        }
        let is_option = found.entry.options.iter().any(|spec| spec.name == pair.key);
        match form {
            Form::Older if is_option => pairs.push(pair),
            Form::Current if is_option => {
                let message = format!("`{}` belongs under `config`", pair.key);
                let diagnostic =
                    Diagnostic::lax(Kind::UnknownKey, pair.key_place, message, check::IGNORED)
                        .at(&pair.item.path)
                        .help(format!(
                            "move it to `{}`",
                            item.below("config").key(pair.key)
                        ));
                context.problems.push(diagnostic);
            }
            _ => check::unknown(&pair, "a model", SECTION.names(), context.problems),
        }
    }
    if let Some(config) = item.get("config") {
        // A setting under `config` wins over one beside it.
        let below = config.pairs();
        pairs.retain(|pair| below.iter().all(|other| other.key != pair.key));
        pairs.extend(below);
    }
    pairs
}
