//! The values that cross a session.

use gateway_store::StoreError;

/// A bound or returned value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// Text without U+0000.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// An unsigned number. Numbers beyond 2^63 - 1 do not occur: revisions and times are bounded by the commit's check.
    pub fn number(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T> From<Option<T>> for Value
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

/// A row, read column by column from the left.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// A row of these columns.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    fn next(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Null)
    }

    /// The next column, a text.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is something else; so for all methods.
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| wrong("text"))
    }

    /// The next column, a text or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Integer(_) | Value::Bytes(_) => Err(wrong("text")),
        }
    }

    /// The next column, a number that is not negative.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&mut self) -> Result<u64, StoreError> {
        self.optional_number()?.ok_or_else(|| wrong("a number"))
    }

    /// The next column, a number that is not negative, or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn optional_number(&mut self) -> Result<Option<u64>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Integer(number) => u64::try_from(number)
                .map(Some)
                .map_err(|_| wrong("a number that is not negative")),
            Value::Text(_) | Value::Bytes(_) => Err(wrong("a number")),
        }
    }

    /// The next column, bytes or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next() {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Integer(_) | Value::Text(_) => Err(wrong("bytes")),
        }
    }

    /// The next column, exactly 32 bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        let bytes = self.optional_bytes()?.unwrap_or_default();
        bytes.try_into().map_err(|_| wrong("32 bytes"))
    }
}

fn wrong(expected: &str) -> StoreError {
    StoreError::Damaged(format!("a column does not hold {expected}"))
}
