//! JSON as it came: a tree that borrows its text, read in one pass, and a reader that collects every wrong field.
//!
//! Used on the translating lane only. It keeps the order of keys and every duplicate; whoever walks over
//! an object from first to last lets the last duplicate win, as JSON readers commonly do.

mod emit;
mod raw;
mod reader;

use std::borrow::Cow;
use std::fmt;

use gateway_schema::{CallError, ErrorKind};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub(crate) use emit::{List, Object, object, to_bytes};
pub(crate) use gateway_json::write;
pub(crate) use raw::RawFields;
pub(crate) use reader::Reader;

/// The fields of an object, in order.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// A JSON value that borrows from the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Fields<'a>),
}

impl<'a> Node<'a> {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What it is, for messages: `a string`.
    pub(crate) const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, owned; nothing else counts, the empty text neither.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => whole(number),
            _ => None,
        }
    }

    pub(crate) fn as_u32(&self) -> Option<u32> {
        u32::try_from(self.as_u64()?).ok()
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number
                .as_i64()
                .or_else(|| i64::try_from(whole(number)?).ok()),
            _ => None,
        }
    }

    pub(crate) fn into_list(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            _ => Vec::new(),
        }
    }

    pub(crate) fn into_fields(self) -> Fields<'a> {
        match self {
            Self::Object(fields) => fields,
            _ => Vec::new(),
        }
    }

    /// The last field of this name, if it is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields
                .iter()
                .rev()
                .find_map(|(key, node)| (key == name).then_some(node)),
            _ => None,
        }
    }

    /// True for null, `""`, `[]` and `{}`: what carries no information.
    pub(crate) fn is_void(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.is_empty(),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Self::Object(fields) => Value::Object(into_map(fields)),
        }
    }
}

/// An owned map of the fields; the last duplicate wins.
pub(crate) fn into_map(fields: Fields<'_>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(key, node)| (key.into_owned(), node.into_value()))
        .collect()
}

/// A count, also when it is written `5.0`.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_number().and_then(whole)
}

/// Reads a count in a typed object: [`count`], and nothing of any other kind.
pub(crate) fn counted<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Option::<Value>::deserialize(from)?;
    Ok(value.as_ref().and_then(count))
}

/// A whole number, also when it is written `5.0`.
fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let value = number.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and within 2^53"
        )]
        let whole = ((0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0)
            .then_some(value as u64);
        whole
    })
}

/// Reads the body of a caller's request: JSON whose top is an object.
///
/// # Errors
/// Of origin client, with the position of the fault.
pub(crate) fn request_fields(body: &[u8]) -> Result<Fields<'_>, CallError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        invalid(format!(
            "The request body is not valid UTF-8 at byte {}.",
            error.valid_up_to()
        ))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(invalid(
            "The request body is empty; a JSON object is expected.".to_owned(),
        ));
    }
    let node = serde_json::from_str::<Node<'_>>(text).map_err(|error| {
        invalid(format!(
            "The request body is not valid JSON: {error} (byte {}).",
            position(text, error.line(), error.column())
        ))
    })?;
    match node {
        Node::Object(fields) => Ok(fields),
        other => Err(invalid(format!(
            "The request body is {}; a JSON object is expected.",
            other.noun()
        ))),
    }
}

/// Reads a document of a provider's.
///
/// # Errors
/// Of origin upstream, when it is not JSON.
pub(crate) fn answer(body: &[u8]) -> Result<Node<'_>, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        )
        .with_detail(error.to_string())
    })
}

fn invalid(message: String) -> CallError {
    CallError::client(ErrorKind::InvalidRequest, message).with_code("invalid_json")
}

/// The byte that a line and a column, both from 1, point at.
fn position(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    start + column.saturating_sub(1)
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(Name(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Node::Object(fields))
    }
}

/// A key, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_a_body_are_placed() {
        for (body, words) in [
            (&b"{\n \"a\": 1,\n}"[..], "line 3 column 1 (byte 11)"),
            (b"", "is empty"),
            (b"  ", "is empty"),
            (b"[1]", "is a list"),
            (b"{\"a\":\"\xff\"}", "UTF-8 at byte 6"),
            (
                b"{\"a\":1} x",
                "trailing characters at line 1 column 9 (byte 8)",
            ),
        ] {
            let error = request_fields(body).unwrap_err();
            assert!(error.message().contains(words), "{}", error.message());
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        assert!(
            request_fields(deep.as_bytes())
                .unwrap_err()
                .message()
                .contains("recursion limit")
        );
    }

    #[test]
    fn text_is_borrowed_and_numbers_keep_their_kind() {
        let fields =
            request_fields(br#"{"a":"x","b":"\n","c":5.0,"d":-1,"e":1.5,"a":"last"}"#).unwrap();
        assert!(matches!(&fields[0].1, Node::Text(Cow::Borrowed("x"))));
        let top = Node::Object(fields);
        assert_eq!(top.get("c").unwrap().as_u64(), Some(5));
        assert_eq!(top.get("d").unwrap().as_i64(), Some(-1));
        assert_eq!(top.get("e").unwrap().as_u64(), None);
        assert_eq!(top.get("a").unwrap().as_text(), Some("last"));
        assert_eq!(top.into_value()["a"], "last");
    }
}
