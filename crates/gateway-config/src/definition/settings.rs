//! What stands under `model.config`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::secret::{SecretValue, is_reference};
use super::tree::{self, Tree};
use crate::file::{Node, Origin, Place};
use crate::plan::effective::HIDDEN;
use crate::plan::model::{names_a_credential, parameter, without_user};

/// A provider's settings, and defaults for request parameters, by name.
///
/// As JSON it is a map. Text below a name that means a credential (`..._key`, `token`, `password`, ...) is a
/// [`SecretValue`]; it is written out only if it is a reference. The user and password of a URL are not written out
/// either.
///
/// ```
/// use gateway_config::{SecretValue, Setting, Settings};
///
/// let settings = Settings::default()
///     .with("openai_api_key", SecretValue::stored("openai"))
///     .with("openai_api_base", "https://api.example.com/v1")
///     .with("temperature", 0.2);
/// let json = serde_json::to_value(&settings)?;
/// assert_eq!(json["openai_api_key"], "{{ secrets.openai }}");
/// assert_eq!(serde_json::from_value::<Settings>(json)?, settings);
///
/// // Written by accident as an ordinary value, a credential is still not shown.
/// let careless = Settings::default().with("openai_api_key", "sk-123");
/// assert_eq!(serde_json::to_value(&careless)?["openai_api_key"], "[secret]");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings(BTreeMap<String, Setting>);

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A value that is no credential. References in text (`$NAME`, `{{ secrets.NAME }}`) are resolved.
    Value(Value),
    /// A credential.
    Secret(SecretValue),
    /// Several: of a credential, one is used for each call.
    List(Vec<Self>),
    /// Settings below this one.
    Map(Settings),
}

impl Settings {
    /// With one more setting. Text under the name of a credential becomes one.
    pub fn with(mut self, name: impl Into<String>, setting: impl Into<Setting>) -> Self {
        self.set(name, setting);
        self
    }

    /// Adds or replaces a setting. Text under the name of a credential becomes one.
    pub fn set(&mut self, name: impl Into<String>, setting: impl Into<Setting>) {
        let name = name.into();
        let setting = match setting.into() {
            Setting::Value(value) => read(&name, value),
            other => other,
        };
        self.0.insert(name, setting);
    }

    /// Takes a setting out.
    pub fn remove(&mut self, name: &str) -> Option<Setting> {
        self.0.remove(name)
    }

    /// One setting.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    /// Every setting, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0
            .iter()
            .map(|(name, setting)| (name.as_str(), setting))
    }
}

macro_rules! values {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Setting {
            fn from(value: $kind) -> Self {
                Self::Value(value.into())
            }
        })*
    };
}

values!(&str, String, bool, i64, u64, i32, u32, f64, Value);

impl From<SecretValue> for Setting {
    fn from(value: SecretValue) -> Self {
        Self::Secret(value)
    }
}

impl From<Vec<SecretValue>> for Setting {
    fn from(values: Vec<SecretValue>) -> Self {
        Self::List(values.into_iter().map(Self::Secret).collect())
    }
}

impl From<Settings> for Setting {
    fn from(settings: Settings) -> Self {
        Self::Map(settings)
    }
}

/// A JSON value under `name`.
fn read(name: &str, value: Value) -> Setting {
    let credential = names_a_credential(name) && parameter(name).is_none();
    match value {
        Value::String(text) if credential => Setting::Secret(SecretValue::parse(&text)),
        // Digits without quotes are text where a credential is meant.
        Value::Number(number) if credential => {
            Setting::Secret(SecretValue::literal(number.to_string()))
        }
        Value::Array(items) if credential || items.iter().any(Value::is_object) => {
            Setting::List(items.into_iter().map(|item| read(name, item)).collect())
        }
        Value::Object(map) if parameter(name).is_none() => Setting::Map(Settings::from(map)),
        other => Setting::Value(other),
    }
}

impl From<Map<String, Value>> for Settings {
    fn from(map: Map<String, Value>) -> Self {
        let settings = map.into_iter().map(|(name, value)| {
            let setting = read(&name, value);
            (name, setting)
        });
        Self(settings.collect())
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(Value::String(text)) => serializer.serialize_str(&without_user(text)),
            Self::Value(value) => value.serialize(serializer),
            Self::Secret(secret) => secret.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Map(settings) => settings.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl Tree for Settings {
    fn node(&self) -> Node {
        tree::map(self.iter().map(|(name, setting)| (name, setting.node())))
    }

    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
}

impl Tree for Setting {
    fn node(&self) -> Node {
        match self {
            Self::Value(Value::String(text)) if text.contains(HIDDEN) && !is_reference(text) => {
                tree::text(text).with(Origin::Masked)
            }
            Self::Value(value) => tree::json(value),
            Self::Secret(secret) => secret.node(),
            Self::List(items) => {
                Node::list(Place::default(), items.iter().map(Tree::node).collect())
            }
            Self::Map(settings) => settings.node(),
        }
    }
}
