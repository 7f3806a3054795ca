//! Definitions as the tree that the sections of a plan are read from.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway_schema::Operation;
use serde_json::{Map, Value};

use crate::file::{Entry, Node, Place};
use crate::plan::effective::duration_word;
use crate::plan::task::task_name;

/// What can be written as a node. No node has a place in a text.
pub(crate) trait Tree {
    /// The node.
    fn node(&self) -> Node;

    /// True for an optional value that is not given.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Text that is never read as anything else.
pub(crate) fn text(text: impl Into<String>) -> Node {
    Node::scalar(Place::default(), text.into(), false)
}

/// A scalar whose type is read from its text.
pub(crate) fn plain(text: &(impl ToString + ?Sized)) -> Node {
    Node::scalar(Place::default(), text.to_string(), true)
}

/// A map with these keys.
pub(crate) fn map<'k>(pairs: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let entries = pairs.into_iter().map(|(key, node)| Entry {
        key: key.to_owned(),
        place: Place::default(),
        node,
    });
    Node::map(Place::default(), entries.collect())
}

/// A JSON value as a node.
pub(crate) fn json(value: &Value) -> Node {
    match value {
        Value::Null => plain("null"),
        Value::Bool(flag) => plain(flag),
        Value::Number(number) => plain(number),
        Value::String(string) => text(string),
        Value::Array(items) => Node::list(Place::default(), items.iter().map(json).collect()),
        Value::Object(object) => object.node(),
    }
}

impl Tree for Map<String, Value> {
    fn node(&self) -> Node {
        map(self.iter().map(|(key, value)| (key.as_str(), json(value))))
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Tree for String {
    fn node(&self) -> Node {
        text(self)
    }
}

impl Tree for Duration {
    fn node(&self) -> Node {
        plain(&duration_word(*self))
    }
}

impl Tree for Operation {
    fn node(&self) -> Node {
        text(task_name(*self))
    }
}

macro_rules! plain_scalars {
    ($($kind:ty),*) => {
        $(impl Tree for $kind {
            fn node(&self) -> Node {
                plain(self)
            }
        })*
    };
}

plain_scalars!(bool, u8, u32, u64, f64);

impl<T: Tree> Tree for Option<T> {
    fn node(&self) -> Node {
        self.as_ref().map_or_else(|| plain("null"), Tree::node)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Tree> Tree for Vec<T> {
    fn node(&self) -> Node {
        Node::list(Place::default(), self.iter().map(Tree::node).collect())
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Tree> Tree for BTreeMap<String, T> {
    fn node(&self) -> Node {
        map(self.iter().map(|(key, value)| (key.as_str(), value.node())))
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Declares a definition: the struct, its serde form and its [`Tree`]. Fields before `;` are required and are the
/// arguments of `new`; those behind it may be absent. Names of fields are the keys of the file.
macro_rules! definition {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$required_meta:meta])* $required:ident: $required_type:ty,)*
            ;
            $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$required_meta])* pub $required: $required_type,)*
            $(
                $(#[$optional_meta])*
                #[serde(default, skip_serializing_if = "crate::definition::tree::Tree::is_absent")]
                pub $optional: $optional_type,
            )*
        }

        impl $name {
            /// With what is required; everything else is absent.
            pub fn new($($required: impl Into<$required_type>),*) -> Self {
                Self {
                    $($required: $required.into(),)*
                    $($optional: Default::default(),)*
                }
            }
        }

        impl crate::definition::tree::Tree for $name {
            fn node(&self) -> crate::file::Node {
                use crate::definition::tree::{Tree, map};
                let required: Vec<(&str, crate::file::Node)> =
                    vec![$((stringify!($required), Tree::node(&self.$required)),)*];
                let optional: Vec<(&str, Option<crate::file::Node>)> = vec![$((
                    stringify!($optional),
                    (!Tree::is_absent(&self.$optional)).then(|| Tree::node(&self.$optional)),
                ),)*];
                let optional = optional.into_iter().filter_map(|(key, node)| Some((key, node?)));
                map(required.into_iter().chain(optional))
            }
        }
    };
}

/// Declares how a word is written: as text.
macro_rules! words {
    ($($kind:ty),*) => {
        $(impl crate::definition::tree::Tree for $kind {
            fn node(&self) -> crate::file::Node {
                crate::definition::tree::text(self.as_str())
            }
        })*
    };
}

pub(crate) use {definition, words};
