//! `--name value` pairs.

use std::collections::HashMap;
use std::str::FromStr;

/// The arguments of a program.
#[derive(Debug)]
pub struct Args(HashMap<String, String>);

impl Args {
    /// Reads `--name value` pairs.
    ///
    /// # Errors
    /// A message that names the argument when one does not fit.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut pairs = HashMap::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("expected --name, found `{word}`"))?;
            let value = words
                .next()
                .ok_or_else(|| format!("--{name} needs a value"))?;
            pairs.insert(name.to_owned(), value);
        }
        Ok(Self(pairs))
    }

    /// The value of `name`, or `default`.
    ///
    /// # Errors
    /// A message when the value cannot be read.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.0.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{name}: cannot read `{text}`")),
        }
    }
}
