//! The value of a secret: named credentials.

use std::collections::BTreeMap;

use gateway_schema::Secret;
use zeroize::Zeroize;

use crate::error::SecretError;
use crate::mask::mask;

/// Named credentials, as `api_key` or `aws_secret_access_key`: the plaintext of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, Secret>);

impl Fields {
    /// No credentials.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds or replaces one.
    pub fn insert(&mut self, name: impl Into<String>, value: Secret) {
        self.0.insert(name.into(), value);
    }

    /// One by its name.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// What may be shown of them.
    pub fn masked(&self) -> BTreeMap<String, String> {
        self.iter()
            .map(|(name, value)| (name.to_owned(), mask(value.expose())))
            .collect()
    }

    /// The plaintext to seal: a JSON object with sorted names.
    pub fn to_json(&self) -> Secret<Vec<u8>> {
        // An escape takes six bytes at most. With this room the text never moves, which would leave copies behind.
        let room: usize = self
            .iter()
            .map(|(name, value)| 6 * (name.len() + value.expose().len()) + 8)
            .sum();
        let mut text = Vec::with_capacity(room + 2);
        text.push(b'{');
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                text.extend_from_slice(b", ");
            }
            // Writing a string to memory does not fail.
            let _ = serde_json::to_writer(&mut text, name);
            text.extend_from_slice(b": ");
            let _ = serde_json::to_writer(&mut text, value.expose());
        }
        text.push(b'}');
        Secret::new(text)
    }

    /// Reads a plaintext: a JSON object of strings, or, as MLflow writes a single credential, a bare text, which becomes
    /// `api_key`.
    ///
    /// # Errors
    /// [`SecretError::Form`], without the text.
    pub fn from_plaintext(text: &Secret<Vec<u8>>) -> Result<Self, SecretError> {
        let text = std::str::from_utf8(text.expose()).map_err(|_| SecretError::Form)?;
        if !text.trim_start().starts_with('{') {
            let value = Secret::new(text.to_owned());
            return Ok(Self(BTreeMap::from([("api_key".to_owned(), value)])));
        }
        let mut read: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| SecretError::Form)?;
        let fields = read
            .iter()
            .map(|(name, value)| (name.clone(), Secret::new(value.clone())))
            .collect();
        read.values_mut().for_each(Zeroize::zeroize);
        Ok(Self(fields))
    }
}
