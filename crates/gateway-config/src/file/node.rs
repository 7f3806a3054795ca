//! A YAML document as a tree in which every node knows where it stands.

use std::fmt;

use serde::{Serialize, Serializer};

/// A position in the text: line and column, counted in characters from 1.
///
/// Two places are always equal. A plan keeps places for messages only, and a moved line is not a changed plan.
#[derive(Clone, Copy, Default)]
pub struct Place {
    /// The line; 0 when the value does not come from a text.
    pub line: usize,
    /// The column; 0 when the value does not come from a text.
    pub column: usize,
}

impl Place {
    /// The beginning of the text.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// A place by its line and column.
    pub const fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    /// Line and column, for comparing and sorting.
    pub const fn position(self) -> (usize, usize) {
        (self.line, self.column)
    }
}

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// A value and the place where it begins.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// How many nodes this one holds, itself included: what a copy of it costs.
    pub(crate) size: usize,
    /// How many levels this one holds, itself included.
    pub(crate) height: usize,
}

/// What a node holds.
#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar as it was written.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// True when it was not quoted and carries no tag, so that its type is read from its text.
    pub(crate) plain: bool,
    /// Where it comes from, which decides whether references in it are followed.
    pub(crate) origin: Origin,
}

/// Where a scalar comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was written by a user: text may be a reference.
    Written,
    /// It is a credential itself, whatever it looks like. Never shown.
    Literal,
    /// It stands for a credential that is not known any more.
    Masked,
}

/// One key of a map with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn scalar(place: Place, text: String, plain: bool) -> Self {
        Self {
            place,
            value: Value::Scalar(Scalar {
                text,
                plain,
                origin: Origin::Written,
            }),
            size: 1,
            height: 1,
        }
    }

    /// The same scalar with another origin.
    pub(crate) fn with(mut self, origin: Origin) -> Self {
        if let Value::Scalar(scalar) = &mut self.value {
            scalar.origin = origin;
        }
        self
    }

    pub(crate) fn list(place: Place, items: Vec<Self>) -> Self {
        let size = items.iter().map(|item| item.size).sum::<usize>();
        let height = items.iter().map(|item| item.height).max().unwrap_or(0);
        Self {
            place,
            value: Value::List(items),
            size: size.saturating_add(1),
            height: height.saturating_add(1),
        }
    }

    pub(crate) fn map(place: Place, entries: Vec<Entry>) -> Self {
        let size = entries.iter().map(|entry| entry.node.size).sum::<usize>();
        let height = entries.iter().map(|entry| entry.node.height).max();
        Self {
            place,
            value: Value::Map(entries),
            size: size.saturating_add(1),
            height: height.unwrap_or(0).saturating_add(1),
        }
    }

    /// True for `null`, `~` and nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.node),
            _ => None,
        }
    }
}

impl Scalar {
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}
