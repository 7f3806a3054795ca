//! Providers by name.

use std::fmt;
use std::sync::Arc;

use gateway_schema::{ModelId, Operation, OptionProblem, OptionSpec, Options};
use serde_json::{Map, Value};

use crate::credential::Clock;
use crate::provider::Provider;
use crate::transport::{SendLimits, Transport};

/// The process environment, as an argument: for credential chains that providers define themselves.
pub trait Environment: Send + Sync + 'static {
    /// A variable; empty counts as unset.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file.
    fn read(&self, path: &str) -> Option<String>;
}

/// What every provider is built with.
#[derive(Clone)]
#[non_exhaustive]
pub struct Deps {
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Variables and files.
    pub environment: Arc<dyn Environment>,
}

impl Deps {
    /// The dependencies of all providers.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self {
            transport,
            clock,
            environment,
        }
    }
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// What an endpoint says about its target besides the provider's own options.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TargetSpec {
    /// The provider, as the user spelled it (aliases may behave differently).
    pub provider: String,
    /// The provider's name of the model; some providers need none.
    pub model: Option<ModelId>,
    /// What the endpoint is for.
    pub operation: Operation,
    /// Request parameters for requests that lack them, under their OpenAI names.
    pub defaults: Arc<Map<String, Value>>,
    /// Headers to add to every request.
    pub headers: http::HeaderMap,
    /// Names of the caller's headers that requests which are passed on carry besides the usual ones. In lower case.
    pub forward: Vec<String>,
    /// How long connecting may take.
    pub limits: SendLimits,
}

impl TargetSpec {
    /// A target for `operation`, nothing added.
    pub fn new(provider: impl Into<String>, model: Option<ModelId>, operation: Operation) -> Self {
        Self {
            provider: provider.into(),
            model,
            operation,
            defaults: Arc::default(),
            headers: http::HeaderMap::new(),
            forward: Vec::new(),
            limits: SendLimits::default(),
        }
    }
}

/// A provider, or everything that is wrong with its settings.
pub type Built = Result<Arc<dyn Provider>, Vec<OptionProblem>>;

/// Builds one provider from its target and settings. Never connects.
pub type Build = fn(&TargetSpec, &Options, &Deps) -> Built;

/// Makes one vendor's providers. A provider crate exports one per name as a constant.
#[derive(Clone, Copy)]
pub struct Factory {
    /// The name in configurations: lower case, words joined by `-`.
    pub name: &'static str,
    /// Other spellings that mean the same.
    pub aliases: &'static [&'static str],
    /// What the vendor calls itself, for people.
    pub display_name: &'static str,
    /// The accepted settings.
    pub options: &'static [OptionSpec],
    /// What it can be asked.
    pub operations: &'static [Operation],
    /// Says everything that is wrong with settings, beyond what [`options`](Self::options) already tells. Pure.
    pub check: fn(&TargetSpec, &Options) -> Vec<OptionProblem>,
    /// Builds a provider.
    pub build: Build,
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The providers of a process, by name. Names are compared without regard to case, and `-` and `_` are the same.
#[derive(Debug, Clone, Default)]
pub struct Registry(Vec<Factory>);

fn same_name(one: &str, other: &str) -> bool {
    let fold = |byte: u8| match byte.to_ascii_lowercase() {
        b'_' => b'-',
        lower => lower,
    };
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

impl Registry {
    /// No providers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a provider; a later one of the same name is not reached.
    pub fn with(mut self, factory: Factory) -> Self {
        self.0.push(factory);
        self
    }

    /// Adds several providers.
    pub fn with_all(mut self, factories: impl IntoIterator<Item = Factory>) -> Self {
        self.0.extend(factories);
        self
    }

    /// The provider of this name or alias.
    pub fn find(&self, name: &str) -> Option<&Factory> {
        self.0.iter().find(|factory| {
            same_name(factory.name, name)
                || factory.aliases.iter().any(|alias| same_name(alias, name))
        })
    }

    /// All providers, in the order they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Factory> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Registry {
    type Item = &'a Factory;
    type IntoIter = std::slice::Iter<'a, Factory>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
