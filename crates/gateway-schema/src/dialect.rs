//! Names of wire formats.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A wire format, by name. An open set: a third-party provider may speak one of its own.
///
/// Two parties with the same dialect can exchange bytes untouched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dialect(&'static str);

impl Dialect {
    /// OpenAI chat completions, completions and embeddings, and everything that imitates them.
    pub const OPENAI: Self = Self("openai");
    /// OpenAI Responses.
    pub const OPENAI_RESPONSES: Self = Self("openai-responses");
    /// Anthropic Messages.
    pub const ANTHROPIC: Self = Self("anthropic");
    /// Gemini `generateContent`.
    pub const GEMINI: Self = Self("gemini");
    /// AWS Bedrock Converse.
    pub const BEDROCK: Self = Self("bedrock");
    /// Cohere v2.
    pub const COHERE: Self = Self("cohere");
    /// Documents by relevance in the form that Jina, Together, vLLM and others share.
    pub const RERANK: Self = Self("rerank");
    /// MLflow AI Gateway.
    pub const MLFLOW: Self = Self("mlflow");

    const NAMED: [Self; 7] = [
        Self::OPENAI,
        Self::OPENAI_RESPONSES,
        Self::ANTHROPIC,
        Self::GEMINI,
        Self::BEDROCK,
        Self::COHERE,
        Self::MLFLOW,
    ];

    /// A dialect of somebody else's.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, as it stands in headers, records and metrics.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// A name that is read for the first time is kept as long as the process lives; there may be few of those.
impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let named = Self::NAMED.into_iter().find(|dialect| dialect.0 == name);
        named
            .or_else(|| learnt(&name))
            .ok_or_else(|| serde::de::Error::custom("there are too many dialects"))
    }
}

/// Dialects that were read and that this version does not name.
static LEARNT: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// A dialect of somebody else's, once for every name: at most 64 of at most 64 bytes.
fn learnt(name: &str) -> Option<Dialect> {
    const MOST: usize = 64;
    let mut learnt = LEARNT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = learnt.iter().find(|known| **known == name) {
        return Some(Dialect(known));
    }
    if learnt.len() >= MOST || name.len() > MOST {
        return None;
    }
    let name: &'static str = Box::leak(name.into());
    learnt.push(name);
    Some(Dialect(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_read_as_it_was_written_and_strange_names_are_few() {
        for dialect in Dialect::NAMED.into_iter().chain([Dialect::new("mine")]) {
            let text = serde_json::to_string(&dialect).unwrap();
            assert_eq!(serde_json::from_str::<Dialect>(&text).unwrap(), dialect);
        }
        let read = |name: String| serde_json::from_value::<Dialect>(name.into());
        assert!(read("x".repeat(65)).is_err());
        let known = (0..100).filter(|number| read(number.to_string()).is_ok());
        assert!(known.count() < 64);
        assert!(read("mine".to_owned()).is_ok());
    }
}
