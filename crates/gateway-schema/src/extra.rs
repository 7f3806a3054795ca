//! Fields that only one dialect knows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Dialect;

/// Fields that the canonical form does not name, kept as they came and marked with the dialect they belong to.
///
/// An encoder of the same dialect writes them back; any other encoder reports each as a loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Extra {
    dialect: Option<Dialect>,
    fields: Map<String, Value>,
}

impl Extra {
    /// Nothing extra.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields of `dialect`.
    pub fn of(dialect: Dialect, fields: Map<String, Value>) -> Self {
        if fields.is_empty() {
            Self::default()
        } else {
            Self {
                dialect: Some(dialect),
                fields,
            }
        }
    }

    /// Adds one field of `dialect`. Fields of another dialect are not mixed in: the first dialect stays.
    pub fn insert(&mut self, dialect: Dialect, name: impl Into<String>, value: Value) {
        if *self.dialect.get_or_insert(dialect) == dialect {
            self.fields.insert(name.into(), value);
        }
    }

    /// Takes from `defaults` the fields that are not here, if both belong to the same dialect or there are none here.
    pub fn fill(&mut self, defaults: &Self) {
        let Some(dialect) = defaults.dialect() else {
            return;
        };
        for (name, value) in &defaults.fields {
            if !self.fields.contains_key(name) {
                self.insert(dialect, name.clone(), value.clone());
            }
        }
    }

    /// The fields, if they belong to `dialect`.
    pub fn for_dialect(&self, dialect: Dialect) -> Option<&Map<String, Value>> {
        (self.dialect == Some(dialect)).then_some(&self.fields)
    }

    /// The dialect the fields belong to; `None` when there are none.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect.filter(|_| !self.fields.is_empty())
    }

    /// All fields, whoever they belong to.
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// True when there is nothing extra.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}
