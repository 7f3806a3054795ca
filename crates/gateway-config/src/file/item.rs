//! Typed access to a checked tree.
//!
//! Every method answers `None` for a value that is absent, null or of another type: the check has reported the
//! last of these already, so that the code which builds the plan only reads.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::path::Path;
use super::{Node, Place, Scalar, Value, scalar};

/// A node and the path to it.
#[derive(Clone)]
pub(crate) struct Item<'n> {
    pub(crate) node: &'n Node,
    pub(crate) path: Path,
}

/// A key of a map with free keys, and its value.
pub(crate) struct Pair<'n> {
    pub(crate) key: &'n str,
    pub(crate) key_place: Place,
    pub(crate) item: Item<'n>,
}

impl<'n> Item<'n> {
    pub(crate) const fn root(node: &'n Node) -> Self {
        Self {
            node,
            path: Path::root(),
        }
    }

    pub(crate) const fn place(&self) -> Place {
        self.node.place
    }

    /// The path of `key` below this node.
    pub(crate) fn below(&self, key: &str) -> Path {
        self.path.key(key)
    }

    /// Where this node stands, for a message about another one.
    pub(crate) fn position(&self) -> String {
        let line = self.place().line;
        if line > 0 {
            format!("in line {line}")
        } else {
            format!("at {}", self.path.pointer())
        }
    }

    /// The value of `key`, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let node = self.node.get(key).filter(|node| !node.is_null())?;
        Some(Self {
            node,
            path: self.below(key),
        })
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| Self {
                node,
                path: self.path.index(index),
            })
            .collect()
    }

    /// The items of a list, or this node alone.
    pub(crate) fn one_or_many(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(_) => self.items(),
            _ => vec![self.clone()],
        }
    }

    /// The items of the list at `key`.
    pub(crate) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|item| item.items()).unwrap_or_default()
    }

    /// The keys and values of a map.
    pub(crate) fn pairs(&self) -> Vec<Pair<'n>> {
        let Value::Map(entries) = &self.node.value else {
            return Vec::new();
        };
        entries
            .iter()
            .map(|entry| Pair {
                key: &entry.key,
                key_place: entry.place,
                item: Self {
                    node: &entry.node,
                    path: self.below(&entry.key),
                },
            })
            .collect()
    }

    /// The scalar, unless it is null.
    pub(crate) fn scalar(&self) -> Option<&'n Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar, as written.
    pub(crate) fn text(&self) -> Option<&'n str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    pub(crate) fn text_at(&self, key: &str) -> Option<&'n str> {
        self.get(key)?.text()
    }

    pub(crate) fn integer_at(&self, key: &str) -> Option<i64> {
        scalar::integer(self.text_at(key)?)
    }

    pub(crate) fn count_at(&self, key: &str) -> Option<u64> {
        u64::try_from(self.integer_at(key)?).ok()
    }

    pub(crate) fn number_at(&self, key: &str) -> Option<f64> {
        scalar::number(self.text_at(key)?)
    }

    pub(crate) fn flag_at(&self, key: &str) -> Option<bool> {
        scalar::flag(self.text_at(key)?)
    }

    pub(crate) fn duration_at(&self, key: &str) -> Option<Duration> {
        scalar::duration(self.text_at(key)?)
    }

    pub(crate) fn size_at(&self, key: &str) -> Option<u64> {
        scalar::size(self.text_at(key)?)
    }
}

/// A value as JSON, by the core schema of YAML 1.2.
pub(crate) fn json(item: &Item<'_>) -> Json {
    match &item.node.value {
        Value::Scalar(text) => scalar::json(text),
        Value::List(_) => item.items().iter().map(json).collect(),
        Value::Map(_) => {
            let pairs = item.pairs();
            let entries = pairs
                .iter()
                .map(|pair| (pair.key.to_owned(), json(&pair.item)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// A map of scalars as text.
pub(crate) fn table(item: Option<&Item<'_>>) -> BTreeMap<String, String> {
    item.map(Item::pairs)
        .unwrap_or_default()
        .iter()
        .filter_map(|pair| Some((pair.key.to_owned(), pair.item.text()?.to_owned())))
        .collect()
}
