//! Reads fields and remembers every one that is wrong, with its path.

use gateway_schema::{CallError, FieldError, PathSegment};
use serde_json::{Map, Value};

use super::{Node, into_map};

#[derive(Debug, Clone, Copy)]
enum Step {
    Key(&'static str),
    Index(usize),
}

/// Where the reading stands, and what was wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    path: Vec<Step>,
    faults: Vec<FieldError>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reads below a key.
    pub(crate) fn at<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Key(key));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reads below a position of a list.
    pub(crate) fn nth<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(index));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reports the field at the current place.
    pub(crate) fn fault(&mut self, code: &'static str, message: impl Into<String>) {
        let path = self.place();
        self.faults.push(FieldError::new(path, code, message));
    }

    /// Reports that the field at the current place is of the wrong kind.
    pub(crate) fn wrong(&mut self, found: &Node<'_>, expected: &str) {
        let mut fault = FieldError::new(
            self.place(),
            "invalid_type",
            format!("expected {expected}, got {}", shown(found)),
        );
        if let Node::Text(_) | Node::Number(_) | Node::Bool(_) = found {
            fault.input = Some(found.clone().into_value());
        }
        self.faults.push(fault);
    }

    /// Reports that a field below the current place is missing.
    pub(crate) fn missing(&mut self, key: &'static str, expected: &str) {
        self.at(key, |reader| {
            reader.fault(
                "missing_required_parameter",
                format!("required, but missing; expected {expected}"),
            );
        });
    }

    pub(crate) fn text(&mut self, key: &'static str, node: Node<'_>) -> Option<String> {
        match node {
            Node::Null => None,
            Node::Text(text) => Some(text.into_owned()),
            other => {
                self.at(key, |reader| reader.wrong(&other, "a string"));
                None
            }
        }
    }

    pub(crate) fn bool(&mut self, key: &'static str, node: &Node<'_>) -> Option<bool> {
        match node {
            Node::Null => None,
            Node::Bool(value) => Some(*value),
            other => {
                self.at(key, |reader| reader.wrong(other, "true or false"));
                None
            }
        }
    }

    pub(crate) fn f64(&mut self, key: &'static str, node: &Node<'_>) -> Option<f64> {
        match node {
            Node::Null => None,
            Node::Number(number) => number.as_f64(),
            other => {
                self.at(key, |reader| reader.wrong(other, "a number"));
                None
            }
        }
    }

    pub(crate) fn u64(&mut self, key: &'static str, node: &Node<'_>) -> Option<u64> {
        self.number(key, node, node.as_u64(), "a whole number, 0 or more")
    }

    pub(crate) fn u32(&mut self, key: &'static str, node: &Node<'_>) -> Option<u32> {
        self.number(
            key,
            node,
            node.as_u32(),
            "a whole number from 0 to 4294967295",
        )
    }

    pub(crate) fn i64(&mut self, key: &'static str, node: &Node<'_>) -> Option<i64> {
        self.number(key, node, node.as_i64(), "a whole number")
    }

    pub(crate) fn map(&mut self, key: &'static str, node: Node<'_>) -> Option<Map<String, Value>> {
        match node {
            Node::Null => None,
            Node::Object(fields) => Some(into_map(fields)),
            other => {
                self.at(key, |reader| reader.wrong(&other, "an object"));
                None
            }
        }
    }

    /// The items of a list, each read at its place.
    pub(crate) fn list<'a, T>(
        &mut self,
        key: &'static str,
        node: Node<'a>,
        mut read: impl FnMut(&mut Self, Node<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match node {
            Node::Null => None,
            Node::List(items) => Some(self.at(key, |reader| {
                items
                    .into_iter()
                    .enumerate()
                    .filter_map(|(index, item)| reader.nth(index, |reader| read(reader, item)))
                    .collect()
            })),
            other => {
                self.at(key, |reader| reader.wrong(&other, "a list"));
                None
            }
        }
    }

    /// The value, or every fault at once.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, CallError> {
        if self.faults.is_empty() {
            Ok(value)
        } else {
            Err(CallError::fields(self.faults))
        }
    }

    fn number<T>(
        &mut self,
        key: &'static str,
        node: &Node<'_>,
        value: Option<T>,
        expected: &str,
    ) -> Option<T> {
        if node.is_null() {
            return None;
        }
        if value.is_none() {
            self.at(key, |reader| reader.wrong(node, expected));
        }
        value
    }

    fn place(&self) -> Vec<PathSegment> {
        self.path
            .iter()
            .map(|step| match step {
                Step::Key(key) => PathSegment::from(*key),
                Step::Index(index) => PathSegment::from(*index),
            })
            .collect()
    }
}

/// What was found, with its value when that is short.
fn shown(node: &Node<'_>) -> String {
    match node {
        Node::Number(number) => number.to_string(),
        Node::Bool(value) => value.to_string(),
        Node::Text(text) if text.len() <= 40 => format!("the string {text:?}"),
        other => other.noun().to_owned(),
    }
}
