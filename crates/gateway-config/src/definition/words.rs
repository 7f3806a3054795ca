//! How single values are written in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::endpoint::CacheDefinition;
use super::tree::words;
use crate::plan::{FallbackOn, LogFormat, OnStoreError, Strategy, Subject};

words!(FallbackOn, LogFormat, OnStoreError, Strategy);

impl super::tree::Tree for Subject {
    fn node(&self) -> crate::file::Node {
        super::tree::text(self.to_string())
    }
}

/// A task, by MLflow's name.
pub(super) mod task {
    use gateway_schema::Operation;
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::plan::task::{task, task_name};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(crate) fn serialize<S: Serializer>(
        operation: &Operation,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(task_name(*operation))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Operation, D::Error> {
        let name = String::deserialize(deserializer)?;
        task(&name).ok_or_else(|| de::Error::custom("this is not the type of an endpoint"))
    }
}

/// A duration: text (`200ms`, `30s`, `5m`) or a number of seconds.
pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::file::scalar;
    use crate::plan::effective::duration_word;

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_str(&duration_word(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(text) = super::scalar_text(Option::deserialize(deserializer)?) else {
            return Ok(None);
        };
        let duration =
            scalar::duration(&text).ok_or_else(|| de::Error::custom("this is not a duration"))?;
        Ok(Some(duration))
    }
}

/// A number of bytes: a number, or text (`64KiB`).
pub(super) mod size {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::file::scalar;

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        size: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match size {
            Some(size) => serializer.serialize_u64(*size),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        let Some(text) = super::scalar_text(Option::deserialize(deserializer)?) else {
            return Ok(None);
        };
        let size = scalar::size(&text)
            .ok_or_else(|| de::Error::custom("this is not a number of bytes"))?;
        Ok(Some(size))
    }
}

/// The text of a scalar, as it is written.
fn scalar_text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A map of scalars, as text.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    values
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match value {
            Value::Array(_) | Value::Object(_) => Err(serde::de::Error::custom(
                "text, a number, `true` or `false` is meant here",
            )),
            value => Ok((key, scalar_text(Some(value)).unwrap_or_default())),
        })
        .collect()
}

/// A cache: its settings, or `true` for the defaults and `false` for none.
pub(super) fn cache<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CacheDefinition>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(CacheDefinition::default())),
        Some(settings) => serde_json::from_value(settings)
            .map(Some)
            .map_err(serde::de::Error::custom),
    }
}
