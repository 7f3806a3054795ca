//! A provider's settings, as values: what it accepts, what was given, what is wrong with it.

use std::fmt;

use serde_json::{Map, Value};

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Text. Unquoted digits and dates are accepted and read as written.
    Text,
    /// A credential: text, `$NAME`, `{{ secrets.NAME }}` or the path of a file. Never printed.
    Secret,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A list of text, or text with commas.
    List,
    /// A nested map, checked by the provider.
    Map,
    /// A list of nested maps, or one of them, checked by the provider.
    Maps,
}

/// One setting that a provider accepts under `model.config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// The key, as users write it.
    pub name: &'static str,
    /// What it holds.
    pub kind: OptionKind,
    /// True when there is no default.
    pub required: bool,
    /// One line for the reference and for editors, with the default.
    pub doc: &'static str,
}

impl OptionSpec {
    /// A setting that must be given.
    pub const fn required(name: &'static str, kind: OptionKind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            doc,
        }
    }

    /// A setting that may be left out.
    pub const fn optional(name: &'static str, kind: OptionKind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            doc,
        }
    }
}

/// The settings given for one endpoint, references already resolved.
///
/// `Debug` shows keys only: values may be credentials.
#[derive(Clone, PartialEq, Default)]
pub struct Options(Map<String, Value>);

impl Options {
    /// Wraps resolved settings.
    pub const fn new(values: Map<String, Value>) -> Self {
        Self(values)
    }

    /// A setting; `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A setting that is text, without surrounding white space; blank counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// All keys, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Something wrong with a provider's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProblem {
    /// The key it is about, dotted below the settings (`aws_config.aws_region`); empty when it is about all of them.
    pub path: String,
    /// What is wrong and what is allowed, in one sentence. Never holds a credential.
    pub message: String,
}

impl OptionProblem {
    /// A problem with the setting at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}
