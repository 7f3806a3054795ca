//! JSON objects as text.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// The largest document, in bytes.
const LARGEST: usize = 1024 * 1024;

/// A JSON object, kept as text: cheap to clone and small in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Document(Arc<str>);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a value is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not an object.
    #[error("a document is a JSON object")]
    Form,
    /// A string in it has the character U+0000, which PostgreSQL cannot keep.
    #[error("a string contains the character U+0000")]
    Nul,
    /// It is too large.
    #[error("the document has {bytes} bytes; at most {LARGEST} are allowed")]
    TooLarge {
        /// Its size as text.
        bytes: usize,
    },
}

impl Document {
    /// A document of an object.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn from_value(value: &Value) -> Result<Self, DocumentError> {
        if !value.is_object() {
            return Err(DocumentError::Form);
        }
        if has_nul(value) {
            return Err(DocumentError::Nul);
        }
        let text = value.to_string();
        if text.len() > LARGEST {
            return Err(DocumentError::TooLarge { bytes: text.len() });
        }
        Ok(Self(text.into()))
    }

    /// A document as a row has it. The text was checked when it was written; a reader that parses it meets what is wrong.
    pub fn from_row(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object.
    ///
    /// # Errors
    /// The row was changed by something else than a gateway.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
