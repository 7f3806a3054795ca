//! From JSON to definitions, with everything that is wrong at once.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::Value as Json;

use super::{Definitions, EndpointDefinition, RouteDefinition, tree};
use crate::diagnostic::{Diagnostic, Kind, PlanError, Problems, Strictness};
use crate::file::check;
use crate::file::item::Item;
use crate::file::shape::Section;
use crate::file::{Node, Place, Value, scalar};
use crate::plan;

impl Definitions {
    /// Reads definitions from JSON. What serde would stop at one by one is found at once, with the allowed values; what
    /// depends on more than one key is left to [`Plan::check`](crate::Plan::check). Unknown keys are refused.
    ///
    /// # Errors
    /// Everything that is wrong, with paths below the value.
    pub fn from_json(value: &Json) -> Result<Self, PlanError> {
        read(value, &plan::SECTION)
    }
}

impl EndpointDefinition {
    /// Reads an endpoint from JSON, as [`Definitions::from_json`] does.
    ///
    /// ```
    /// use gateway_config::EndpointDefinition;
    /// use serde_json::json;
    ///
    /// let wrong = json!({"name": "chat", "endpoint_type": "llm/v1/chats", "model": {"provider": "acme"}, "strikt": true});
    /// let refused = EndpointDefinition::from_json(&wrong).unwrap_err();
    /// let paths: Vec<&str> = refused.problems().iter().map(|it| it.path.as_str()).collect();
    /// assert_eq!(paths, ["/endpoint_type", "/strikt"]);
    /// assert_eq!(refused.problems()[1].help.as_deref(), Some("did you mean `strict`?"));
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong, with paths below the value.
    pub fn from_json(value: &Json) -> Result<Self, PlanError> {
        read(value, &plan::endpoint::SECTION)
    }
}

impl RouteDefinition {
    /// Reads a route from JSON, as [`Definitions::from_json`] does.
    ///
    /// # Errors
    /// Everything that is wrong, with paths below the value.
    pub fn from_json(value: &Json) -> Result<Self, PlanError> {
        read(value, &plan::route::SECTION)
    }
}

fn read<T: DeserializeOwned>(value: &Json, section: &'static Section) -> Result<T, PlanError> {
    let mut problems = Problems::new(Strictness::Strict);
    let node = tree::json(value);
    check::check_section(&Item::root(&node), section, &mut problems);
    if !problems.has_errors() {
        match T::deserialize(Reader(&node)) {
            Ok(definition) => return Ok(definition),
            Err(error) => problems.push(Diagnostic::error(
                Kind::Value,
                Place::default(),
                error.to_string(),
            )),
        }
    }
    Err(PlanError::new(problems.into_report("").into_problems()))
}

/// Reads a node that has been checked, as what is meant there: a number in quotes is a number where one is meant.
#[derive(Clone, Copy)]
struct Reader<'n>(&'n Node);

impl<'n> Reader<'n> {
    fn text(self) -> Result<&'n str, Error> {
        match &self.0.value {
            Value::Scalar(scalar) => Ok(&scalar.text),
            _ => Err(Error::custom("a single value is meant here")),
        }
    }

    fn whole(self) -> Result<i64, Error> {
        scalar::integer(self.text()?).ok_or_else(|| Error::custom("a whole number is meant here"))
    }

    fn map<'de, V: Visitor<'de>>(
        self,
        known: Option<&[&str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Map(entries) = &self.0.value else {
            return Err(Error::custom("a map is meant here"));
        };
        // Keys that begin with `x-` are the user's own, and stand for nothing.
        let wanted = |key: &str| known.is_none_or(|known| known.contains(&key));
        let entries = entries
            .iter()
            .filter(|entry| wanted(&entry.key) && !entry.node.is_null())
            .map(|entry| (entry.key.as_str(), Reader(&entry.node)));
        visitor.visit_map(MapDeserializer::new(entries))
    }
}

impl IntoDeserializer<'_, Error> for Reader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_i64(self.whole()?)
        })*
    };
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = scalar::number(self.text()?);
            visitor.visit_f64(number.ok_or_else(|| Error::custom("a number is meant here"))?)
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_str(self.text()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Scalar(scalar) => match scalar::json(scalar) {
                Json::Null => visitor.visit_unit(),
                Json::Bool(flag) => visitor.visit_bool(flag),
                Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                    (Some(whole), _) => visitor.visit_u64(whole),
                    (None, Some(whole)) => visitor.visit_i64(whole),
                    (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
                },
                _ => visitor.visit_str(&scalar.text),
            },
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Reader))),
            Value::Map(_) => self.map(None, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let flag = scalar::flag(self.text()?);
        visitor.visit_bool(flag.ok_or_else(|| Error::custom("`true` or `false` is meant here"))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::List(_) => self.deserialize_any(visitor),
            // One stands for a list of one.
            _ => visitor.visit_seq(SeqDeserializer::new(std::iter::once(self))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.map(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.map(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    whole_numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
    deserialize_u32 deserialize_u64 }
    numbers! { deserialize_f32 deserialize_f64 }
    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}
