//! Envelope encryption of stored credentials.
//!
//! Every secret value is sealed with AES-256-GCM under a data key of its own, and the data key is sealed under a
//! key-encryption key ([`Kek`]) of the operator. The store keeps the two sealed texts and the id of the key-encryption key
//! ([`Sealed`]). The sealed value is bound to the secret's id and name: a row that is copied over another one does not open.
//! The layout is the one of MLflow 3.17 (`mlflow/utils/crypto.py`), so that rows of its `secrets` table are taken over by
//! wrapping their data keys anew.
//!
//! A [`KeyRing`] holds one primary key, which seals, and any number of others, which only open. Rotation changes the
//! primary, calls [`KeyRing::rewrap`] for each row that names another key, and then drops the old key.
//!
//! This crate stores nothing, reads no file and no variable. Nothing in it prints a key or a plaintext; both are
//! overwritten in memory when they are dropped.
//!
//! ```
//! use gateway_secrets::{Kek, KeyRing};
//!
//! let ring = KeyRing::new(Kek::random()?);
//! let sealed = ring.seal("s-1", "openai", br#"{"api_key": "sk-123"}"#)?;
//! assert_eq!(ring.open("s-1", "openai", &sealed)?.expose(), br#"{"api_key": "sk-123"}"#);
//! assert!(ring.open("s-1", "another name", &sealed).is_err());
//! # Ok::<(), gateway_secrets::SecretError>(())
//! ```

mod aead;
mod error;
mod fields;
mod kek;
mod mask;
mod ring;

#[cfg(test)]
mod tests;

pub use error::SecretError;
pub use fields::Fields;
pub use kek::{Kek, KekId, MLFLOW_DEFAULT_PASSPHRASE};
pub use mask::mask;
pub use ring::{KeyRing, Sealed};
