//! What the user wrote: a tree with places, the tables of keys, and the check of one against the other.
//!
//! * [`reader`]: text to tree; aliases are bounded, merge keys applied, duplicate keys reported.
//! * [`scalar`]: what a scalar's text means where a number, a duration, a size or a date is expected.
//! * [`shape`]: the tables that say which keys exist; the JSON Schema is made from the same tables.
//! * [`check`]: tree against table: unknown and missing keys, wrong types, values out of range.
//! * [`item`]: typed access to a checked tree, silent where the check has already spoken.

pub(crate) mod check;
pub(crate) mod item;
mod node;
mod padding;
pub(crate) mod path;
pub(crate) mod reader;
pub(crate) mod scalar;
pub(crate) mod shape;

pub use node::Place;
pub(crate) use node::{Entry, Node, Origin, Scalar, Value};

#[cfg(test)]
mod tests;
