//! The keys at hand, and what they seal and open.

use gateway_schema::Secret;
use zeroize::Zeroize;

use crate::aead::{self, KEY_LEN};
use crate::error::SecretError;
use crate::kek::{Kek, KekId};

/// A sealed value as a row has it. Holds no plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The value under the data key: nonce, ciphertext, tag.
    pub value: Vec<u8>,
    /// The data key under the key-encryption key: nonce, ciphertext, tag.
    pub wrapped_key: Vec<u8>,
    /// The key-encryption key.
    pub kek: KekId,
}

/// Key-encryption keys: a primary one, which seals, and others, which only open.
#[derive(Debug, Clone)]
pub struct KeyRing {
    primary: Kek,
    others: Vec<Kek>,
}

impl KeyRing {
    /// A ring of one key.
    pub const fn new(primary: Kek) -> Self {
        Self {
            primary,
            others: Vec::new(),
        }
    }

    /// Adds a key that only opens. One that is there already is not added again.
    #[must_use]
    pub fn with(mut self, other: Kek) -> Self {
        if self.find(other.id()).is_none() {
            self.others.push(other);
        }
        self
    }

    /// The id of the key that seals.
    pub const fn primary(&self) -> &KekId {
        self.primary.id()
    }

    /// The ids of all keys, the primary first.
    pub fn ids(&self) -> Vec<KekId> {
        let keys = std::iter::once(&self.primary).chain(&self.others);
        keys.map(|key| key.id().clone()).collect()
    }

    /// Whether a row that names this key can be opened.
    pub fn has(&self, id: &KekId) -> bool {
        self.find(id).is_some()
    }

    /// Seals a value for the secret of this id and name, with a fresh data key, under the primary key.
    ///
    /// # Errors
    /// [`SecretError::Id`]; [`SecretError::Randomness`].
    pub fn seal(&self, id: &str, name: &str, plaintext: &[u8]) -> Result<Sealed, SecretError> {
        let aad = binding(id, name)?;
        let data_key: Secret<[u8; KEY_LEN]> = Secret::new(aead::random()?);
        Ok(Sealed {
            value: aead::seal(data_key.expose(), &aad, plaintext)?,
            wrapped_key: aead::seal(self.primary.key(), &[], data_key.expose())?,
            kek: self.primary().clone(),
        })
    }

    /// Opens a value that was sealed for the secret of this id and name.
    ///
    /// # Errors
    /// [`SecretError::UnknownKey`], [`SecretError::DataKey`] or [`SecretError::Value`].
    pub fn open(
        &self,
        id: &str,
        name: &str,
        sealed: &Sealed,
    ) -> Result<Secret<Vec<u8>>, SecretError> {
        let aad = binding(id, name)?;
        let data_key = self.data_key(sealed)?;
        aead::open(data_key.expose(), &aad, &sealed.value).ok_or(SecretError::Value)
    }

    /// Whether the row names another key than the primary one.
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        sealed.kek != *self.primary()
    }

    /// Wraps the data key under the primary key. The value stays as it is, so that nothing is decrypted but the data key.
    ///
    /// # Errors
    /// [`SecretError::UnknownKey`] or [`SecretError::DataKey`].
    pub fn rewrap(&self, sealed: &Sealed) -> Result<Sealed, SecretError> {
        let data_key = self.data_key(sealed)?;
        Ok(Sealed {
            value: sealed.value.clone(),
            wrapped_key: aead::seal(self.primary.key(), &[], data_key.expose())?,
            kek: self.primary().clone(),
        })
    }

    fn data_key(&self, sealed: &Sealed) -> Result<Secret<[u8; KEY_LEN]>, SecretError> {
        let kek = self
            .find(&sealed.kek)
            .ok_or_else(|| SecretError::UnknownKey {
                found: sealed.kek.clone(),
                at_hand: self.ids(),
            })?;
        let damaged = || SecretError::DataKey(sealed.kek.clone());
        let bytes = aead::open(kek.key(), &[], &sealed.wrapped_key).ok_or_else(damaged)?;
        let mut key: [u8; KEY_LEN] = bytes
            .expose()
            .as_slice()
            .try_into()
            .map_err(|_| damaged())?;
        let data_key = Secret::new(key);
        key.zeroize();
        Ok(data_key)
    }

    fn find(&self, id: &KekId) -> Option<&Kek> {
        std::iter::once(&self.primary)
            .chain(&self.others)
            .find(|key| key.id() == id)
    }
}

/// What a value is bound to: `id|name`, as MLflow has it. An id without `|` makes it unambiguous.
fn binding(id: &str, name: &str) -> Result<Vec<u8>, SecretError> {
    if id.contains('|') {
        return Err(SecretError::Id);
    }
    Ok(format!("{id}|{name}").into_bytes())
}
