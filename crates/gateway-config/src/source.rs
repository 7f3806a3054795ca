//! What reading a configuration needs from outside, as arguments.

use gateway_schema::{Operation, OptionProblem, OptionSpec, Options, ProviderName, Secret};

/// A configuration text and the name it goes by in messages.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What messages call it, usually the path of the file.
    pub name: &'a str,
    /// The YAML (or JSON) text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// A text and its name.
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }
}

/// What a file reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileText {
    /// There is no such file; the text is not a reference.
    Absent,
    /// The whole content.
    Text(Secret),
    /// The file is there but cannot be read as text. The reason must not hold its content.
    Unreadable(String),
}

/// Where references lead: the environment, files and a store of secrets.
pub trait Lookup {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file, when `path` names one. Relative paths are the implementer's to place.
    fn file(&self, path: &str) -> FileText;

    /// A secret by name, for `{{ secrets.NAME }}`. Without a store of secrets this is the environment.
    fn secret(&self, name: &str) -> Option<Secret> {
        self.env(name).map(Secret::new)
    }
}

/// A [`Lookup`] in which nothing is found: every text is literal.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, _path: &str) -> FileText {
        FileText::Absent
    }
}

/// One provider that an endpoint may name.
#[derive(Debug, Clone)]
pub struct ProviderEntry<'a> {
    /// The name the registry knows it by.
    pub name: &'a str,
    /// Other names for the same provider.
    pub aliases: &'a [&'a str],
    /// The settings it accepts under `model.config`.
    pub options: &'a [OptionSpec],
}

/// The providers that exist. This crate names none; whoever owns the registry implements this over it.
pub trait Providers {
    /// Every provider, in the order in which messages and the JSON Schema should list them.
    fn entries(&self) -> Vec<ProviderEntry<'_>>;

    /// What `provider` (by its own name, not an alias) says about these settings, references already resolved.
    fn check(
        &self,
        provider: &ProviderName,
        model: Option<&str>,
        operation: Operation,
        options: &Options,
    ) -> Vec<OptionProblem>;
}

/// A provider found by the name a user wrote.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    /// What the table says about it.
    pub(crate) entry: ProviderEntry<'a>,
    /// The name or alias that matched, in the table's spelling.
    pub(crate) spelled: &'a str,
}

/// Finds a provider: case does not matter, and `-` and `_` are the same.
pub(crate) fn find<'a>(providers: &'a dyn Providers, name: &str) -> Option<Found<'a>> {
    let wanted = folded(name);
    providers.entries().into_iter().find_map(|entry| {
        std::iter::once(entry.name)
            .chain(entry.aliases.iter().copied())
            .find(|known| folded(known) == wanted)
            .map(|spelled| Found { entry, spelled })
    })
}

fn folded(name: &str) -> String {
    name.chars()
        .map(|c| if c == '_' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}
