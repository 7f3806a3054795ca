//! The fields of a request, read as MLflow reads them: by protobuf's rules, where what is empty is absent.

use std::collections::BTreeMap;

use gateway_store::definitions::Author;
use serde_json::{Map, Value};

use crate::AdminError;

/// The fields of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Those of a body.
    pub(super) fn of_body(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Those of a query. Of a name that stands twice the last one counts.
    pub(super) fn of_query(query: &str) -> Self {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            fields.insert(decoded(name), Value::String(decoded(value)));
        }
        Self(fields)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, AdminError> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// A map of texts; what is no text in it is left out. `None` when there is none.
    pub(super) fn texts(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let map = self.0.get(name)?.as_object()?;
        let texts = map
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Some(texts.collect())
    }

    /// A switch.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// A list of objects.
    pub(super) fn list(&self, name: &str) -> Option<Vec<Self>> {
        let items = self.0.get(name)?.as_array()?;
        Some(items.iter().map(Self::of_value).collect())
    }

    /// An object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        self.0
            .get(name)
            .filter(|value| value.is_object())
            .map(Self::of_value)
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// Who makes something: as long as there are no accounts, whom the request names.
    pub(super) fn creator(&self) -> Author {
        self.author("created_by")
    }

    /// Who changes something.
    pub(super) fn updater(&self) -> Author {
        self.author("updated_by")
    }

    fn author(&self, field: &str) -> Author {
        Author {
            actor: self.text(field).map(str::to_owned),
            source: Some("mlflow".to_owned()),
            ..Author::default()
        }
    }

    fn of_value(value: &Value) -> Self {
        Self(value.as_object().cloned().unwrap_or_default())
    }
}

/// The error of a field that must be there.
pub(super) fn missing(name: &str) -> AdminError {
    AdminError::Invalid(format!(
        "Missing value for required parameter '{name}'. See the API docs for more information about request parameters."
    ))
}

/// Percent-decoded, with `+` as a space. What is no UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        left = rest;
        match (*first, rest) {
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    left = behind;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_what_is_empty_is_absent() {
        let fields = Fields::of_query("name=a%2Fb+c&secret_id=&x=%zz&name=last");
        assert_eq!(fields.text("name"), Some("last"));
        assert_eq!(fields.text("secret_id"), None);
        assert_eq!(fields.text("x"), Some("%zz"));
        assert_eq!(decoded("a%2Fb+c%"), "a/b c%");
    }
}
