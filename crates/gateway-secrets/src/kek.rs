//! Key-encryption keys and where they come from.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gateway_schema::Secret;

use crate::aead::{KEY_LEN, random};
use crate::error::SecretError;

/// The passphrase MLflow uses where none is set. It is public: accept it only to read what MLflow sealed with it.
pub const MLFLOW_DEFAULT_PASSPHRASE: &str = "mlflow-default-kek-passphrase-for-development-only";

/// MLflow's salt; the version follows as four bytes, big-endian.
const MLFLOW_SALT: &[u8] = b"mlflow-secrets-kek-v1-2025";

/// MLflow's rounds of PBKDF2-HMAC-SHA256.
const MLFLOW_ROUNDS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// What the id of a key is the keyed hash of.
const ID_CONTEXT: &[u8] = b"gateway key-encryption key id v1";

/// The id of a key-encryption key: 16 hexadecimal digits, computed from the key (HMAC-SHA-256 under the key of a constant),
/// so that it needs no bookkeeping and reveals nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KekId(String);

impl KekId {
    /// An id as a row has it. Any text is accepted: one that no key has only leads to an unknown key.
    pub fn from_row(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id as a row has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key-encryption key: 32 bytes, overwritten in memory when it is dropped.
#[derive(Clone)]
pub struct Kek {
    key: Secret<[u8; KEY_LEN]>,
    id: KekId,
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kek").field(&self.id).finish()
    }
}

impl Kek {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), ID_CONTEXT);
        let id = tag.as_ref().iter().take(8).flat_map(|byte| hex(*byte));
        Self {
            key: Secret::new(bytes),
            id: KekId(id.collect()),
        }
    }

    /// Draws a key.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn random() -> Result<Self, SecretError> {
        Ok(Self::from_bytes(random()?))
    }

    /// Reads a key from 64 hexadecimal digits or from base64 (standard or URL alphabet, padded or not) of 32 bytes; white
    /// space around it is ignored.
    ///
    /// # Errors
    /// [`SecretError::KeyForm`], without the text.
    pub fn parse(text: &Secret) -> Result<Self, SecretError> {
        let text = text.expose().trim();
        let bytes = from_hex(text).or_else(|| from_base64(text));
        bytes.map(Self::from_bytes).ok_or(SecretError::KeyForm)
    }

    /// The key as 64 hexadecimal digits, for a key file.
    pub fn to_hex(&self) -> Secret {
        let mut text = String::with_capacity(2 * KEY_LEN);
        for byte in self.key.expose() {
            text.extend(hex(*byte));
        }
        Secret::new(text)
    }

    /// Derives the key that MLflow derives from `MLFLOW_CRYPTO_KEK_PASSPHRASE` and `MLFLOW_CRYPTO_KEK_VERSION`:
    /// PBKDF2-HMAC-SHA256, 600,000 rounds. It takes about half a second of CPU; call it off the threads that serve.
    pub fn from_mlflow_passphrase(passphrase: &Secret, version: u32) -> Self {
        let salt = [MLFLOW_SALT, &version.to_be_bytes()].concat();
        let mut key = [0_u8; KEY_LEN];
        let passphrase = passphrase.expose().as_bytes();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            MLFLOW_ROUNDS,
            &salt,
            passphrase,
            &mut key,
        );
        Self::from_bytes(key)
    }

    /// The id that rows name it by.
    pub const fn id(&self) -> &KekId {
        &self.id
    }

    pub(crate) const fn key(&self) -> &[u8; KEY_LEN] {
        self.key.expose()
    }
}

fn hex(byte: u8) -> [char; 2] {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    [digit(byte >> 4), digit(byte & 15)]
}

fn from_hex(text: &str) -> Option<[u8; KEY_LEN]> {
    if text.len() != 2 * KEY_LEN || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0_u8; KEY_LEN];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(key)
}

fn from_base64(text: &str) -> Option<[u8; KEY_LEN]> {
    let indifferent =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| {
            let bytes = GeneralPurpose::new(alphabet, indifferent).decode(text);
            Secret::new(bytes.ok()?).expose().as_slice().try_into().ok()
        })
}
