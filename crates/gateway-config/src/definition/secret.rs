//! Credentials: a reference to one, or the credential itself.

use std::fmt;

use gateway_schema::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::tree::{self, Tree};
use crate::file::{Node, Origin};
use crate::plan::effective::HIDDEN;
use crate::plan::resolve::variable;

/// A credential, or where to find one.
///
/// As JSON it is text: `$NAME` for a variable, `{{ secrets.NAME }}` for a stored secret (a scheme may stand in front
/// of it, as in `Bearer {{ secrets.NAME }}`), anything else is the credential itself. A credential is never written
/// out: its place is taken by `[secret]`, which reads back as [`SecretValue::Masked`] and is refused in a plan. Unlike
/// in a configuration file, text is never the path of a file.
///
/// ```
/// use gateway_config::SecretValue;
///
/// let reference: SecretValue = serde_json::from_str(r#""{{ secrets.openai }}""#)?;
/// assert_eq!(reference, SecretValue::stored("openai"));
/// assert_eq!(serde_json::to_string(&reference)?, r#""{{ secrets.openai }}""#);
///
/// let literal = SecretValue::literal("sk-123");
/// assert_eq!(serde_json::to_string(&literal)?, r#""[secret]""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// The credential itself.
    Literal(Secret),
    /// Text with references in it: `$NAME`, or `{{ secrets.NAME }}` with a scheme in front. Holds no credential.
    Reference(String),
    /// A credential that was written out, and is not known any more.
    Masked,
}

impl SecretValue {
    /// The credential itself, whatever it looks like.
    pub fn literal(credential: impl Into<String>) -> Self {
        Self::Literal(Secret::new(credential.into()))
    }

    /// The value of a variable.
    pub fn env(name: &str) -> Self {
        Self::Reference(format!("${name}"))
    }

    /// A secret from the store of secrets.
    pub fn stored(name: &str) -> Self {
        Self::Reference(format!("{{{{ secrets.{name} }}}}"))
    }

    /// Reads text in the form of JSON; see the [type](Self).
    pub fn parse(text: &str) -> Self {
        if text == HIDDEN {
            Self::Masked
        } else if is_reference(text) {
            Self::Reference(text.to_owned())
        } else {
            Self::literal(text)
        }
    }

    /// The text as it may be shown.
    pub fn shown(&self) -> &str {
        match self {
            Self::Reference(text) => text,
            Self::Literal(_) | Self::Masked => HIDDEN,
        }
    }
}

/// True for text that holds nothing but references, and letters in front of one.
pub(crate) fn is_reference(text: &str) -> bool {
    if let Some(name) = text.strip_prefix('$') {
        return variable(name).is_some();
    }
    let mut rest = text;
    let mut found = false;
    while let Some((before, after)) = rest.split_once("{{") {
        let scheme = before.len() <= 16
            && before
                .bytes()
                .all(|b| b.is_ascii_alphabetic() || b == b' ' || b == b'-');
        let Some((inside, behind)) = after.split_once("}}") else {
            return false;
        };
        if !scheme || !inside.trim().starts_with("secrets.") {
            return false;
        }
        found = true;
        rest = behind;
    }
    found && rest.trim().is_empty()
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = SecretValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a credential, `$NAME` or `{{ secrets.NAME }}`, as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretValue, E> {
                Ok(SecretValue::parse(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl Tree for SecretValue {
    fn node(&self) -> Node {
        match self {
            Self::Literal(secret) => tree::text(secret.expose().as_str()).with(Origin::Literal),
            Self::Reference(text) => tree::text(text),
            Self::Masked => tree::text(HIDDEN).with(Origin::Masked),
        }
    }
}
