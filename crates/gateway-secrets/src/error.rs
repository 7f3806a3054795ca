//! What can go wrong with a secret. No variant carries a key or a plaintext.

use gateway_schema::ErrorKind;

use crate::kek::KekId;

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text of a master key has none of the accepted forms.
    #[error(
        "a master key has 32 bytes, as 64 hexadecimal digits or 43 to 44 characters of base64; this one is neither"
    )]
    KeyForm,
    /// The row names a key-encryption key that is not in the ring.
    #[error("it is sealed under the master key {found}; the keys at hand are: {}", list(.at_hand))]
    UnknownKey {
        /// The key that the row names.
        found: KekId,
        /// The keys of the ring, the primary first.
        at_hand: Vec<KekId>,
    },
    /// The data key does not open: the row was altered, or it was sealed under another key of the same id.
    #[error("its data key does not open under the master key {0}: the row is damaged")]
    DataKey(KekId),
    /// The value does not open: it was altered, or it belongs to another id or name.
    #[error(
        "its value does not open: the row is damaged, or belongs to a secret of another id or name"
    )]
    Value,
    /// The plaintext is not the JSON object of strings that a secret's value is.
    #[error("its value is not a JSON object of strings")]
    Form,
    /// An id that would make the binding of id and name ambiguous.
    #[error("the id of a secret must not contain `|`")]
    Id,
    /// The operating system gives no random numbers.
    #[error("the machine gives no random numbers")]
    Randomness,
}

impl SecretError {
    /// The kind for callers: all but a malformed argument are faults of the installation.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::KeyForm | Self::Id => ErrorKind::InvalidRequest,
            Self::UnknownKey { .. }
            | Self::DataKey(_)
            | Self::Value
            | Self::Form
            | Self::Randomness => ErrorKind::Internal,
        }
    }
}

fn list(ids: &[KekId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}
