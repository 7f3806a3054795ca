//! Who or what a counter, an assignment or a policy is about.

use serde::{Serialize, Serializer};

/// What distinguishes one caller's share from another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
        match self {
            Self::Key => serializer.serialize_str("key"),
            Self::User => serializer.serialize_str("user"),
            Self::Endpoint => serializer.serialize_str("endpoint"),
            Self::Ip => serializer.serialize_str("ip"),
            Self::Header(name) => serializer.collect_str(&format_args!("header:{name}")),
        }
    }
}

/// What to do with a request whose limits cannot be read, because the shared store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
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

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "reject" => Some(Self::Reject),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }
}
