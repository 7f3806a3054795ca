//! Keyed digests.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use aws_lc_rs::{constant_time, hmac};

/// What keys are hashed with. Drawn at random, never shown.
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey([secret])")
    }
}

/// The machine gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the machine gives no random numbers")
    }
}

impl std::error::Error for NoRandomness {}

impl HashKey {
    /// Draws a key.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        // From the system: the crypto library would first gather noise of its own for tens of milliseconds.
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A key that several processes share, so that a database can keep digests. Draw 32 random bytes once, and keep
    /// them apart from the digests.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The digest of a credential.
    pub fn digest(&self, credential: &str) -> Digest {
        let tag = hmac::sign(&self.0, credential.as_bytes());
        let mut bytes = [0_u8; 32];
        // HMAC-SHA-256 gives 32 bytes; a shorter tag would leave zeros and never match by accident of length.
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Digest(bytes)
    }
}

/// The digest of a credential. Comparing two takes the same time whether they differ early, late or not at all.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to store them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let first = self.0.first_chunk().copied().unwrap_or_default();
        state.write_u64(u64::from_ne_bytes(first));
    }
}

/// Takes digests as they are: they are spread evenly, and nobody outside can choose them.
#[derive(Debug, Default, Clone, Copy)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map by digest.
pub type DigestMap<V> = HashMap<Digest, V, BuildHasherDefault<AsIs>>;
