//! Who or what a counter, an assignment or a policy is about.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What distinguishes one caller's share from another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The key or token that the caller shows.
    Key,
    /// The user that the request names.
    User,
    /// Nobody: one share for the whole endpoint.
    Endpoint,
    /// The address of the client.
    Ip,
    /// The value of a request header, by its name in lower case.
    Header(String),
}

impl Subject {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "key" => Self::Key,
            "user" => Self::User,
            "endpoint" => Self::Endpoint,
            "ip" => Self::Ip,
            _ => Self::Header(text.strip_prefix("header:")?.to_ascii_lowercase()),
        })
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::User => f.write_str("user"),
            Self::Endpoint => f.write_str("endpoint"),
            Self::Ip => f.write_str("ip"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("`key`, `user`, `endpoint`, `ip` or `header:<name>` is meant here")
        })
    }
}

/// What to do with a request whose limits cannot be read, because the shared store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreError {
    /// Refuse what exceeds the share this process has already borrowed.
    #[default]
    Reject,
    /// Let it through.
    Allow,
}

impl OnStoreError {
    pub(crate) const WORDS: [&str; 2] = ["reject", "allow"];

    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Allow => "allow",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "reject" => Some(Self::Reject),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }
}
