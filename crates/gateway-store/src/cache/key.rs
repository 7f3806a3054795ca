use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256, digest};

/// What a value is kept by: 128 bits that nobody can make two questions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(u128);

impl std::fmt::LowerHex for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::LowerHex::fmt(&self.0, f)
    }
}

/// Makes a [`CacheKey`] of parts: by SHA-256 where other processes make the same keys, and many times faster for this
/// process alone.
#[derive(Clone)]
pub struct KeyHasher {
    /// What was hashed already: none unless there was a large part.
    context: Option<Box<Context>>,
    /// Small parts are hashed together, at the end.
    buffer: Vec<u8>,
    /// Keys that mean something to this process only.
    own: Option<&'static LessSafeKey>,
}

/// What makes keys for this process alone: GMAC (NIST SP 800-38D) under a key that nobody is told. Whoever does not know
/// it finds two texts of one tag by chance only, as tags never leave the process; that the nonce stays the same is
/// what makes equal texts equal keys, and would tell something only beside tags.
static OWN: LazyLock<Option<LessSafeKey>> = LazyLock::new(|| {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).ok()?;
    UnboundKey::new(&AES_128_GCM, &secret)
        .ok()
        .map(LessSafeKey::new)
});

/// Parts from this size on are not copied.
const LARGE: usize = 4096;

impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyHasher").finish_non_exhaustive()
    }
}

impl KeyHasher {
    /// Keys of different purposes never meet.
    pub fn new(purpose: &str) -> Self {
        let empty = Self {
            context: None,
            buffer: Vec::with_capacity(256),
            own: None,
        };
        empty.with(purpose.as_bytes())
    }

    /// The same for keys that this process alone makes and understands.
    pub fn own(purpose: &str) -> Self {
        let mut hasher = Self::new(purpose);
        hasher.own = OWN.as_ref();
        hasher
    }

    /// Adds a part. Where one ends and the next begins counts.
    pub fn with(mut self, part: &[u8]) -> Self {
        let is_copied = part.len() < LARGE || self.own.is_some();
        // The length and the part, in one growth.
        self.buffer
            .reserve(8 + if is_copied { part.len() } else { 0 });
        self.buffer
            .extend_from_slice(&(part.len() as u64).to_le_bytes());
        if is_copied {
            self.buffer.extend_from_slice(part);
        } else {
            let context = self
                .context
                .get_or_insert_with(|| Box::new(Context::new(&SHA256)));
            context.update(&self.buffer);
            self.buffer.clear();
            context.update(part);
        }
        self
    }

    /// Adds a part that may be absent, which differs from an empty one.
    pub fn with_optional(mut self, part: Option<&[u8]>) -> Self {
        self.buffer.push(u8::from(part.is_some()));
        self.with(part.unwrap_or_default())
    }

    /// The key of all parts, in their order, and of a last one of about `size` bytes that `write` appends.
    pub fn finish_with(mut self, size: usize, write: impl FnOnce(&mut Vec<u8>)) -> CacheKey {
        self.buffer.reserve(size);
        write(&mut self.buffer);
        self.finish()
    }

    /// The key of all parts, in their order.
    pub fn finish(self) -> CacheKey {
        if let Some(key) = self.own.and_then(|own| tag(own, &self.buffer)) {
            return key;
        }
        let digest = match self.context {
            None => digest(&SHA256, &self.buffer),
            Some(mut context) => {
                context.update(&self.buffer);
                context.finish()
            }
        };
        let head = digest.as_ref().first_chunk().copied().unwrap_or_default();
        CacheKey(u128::from_le_bytes(head))
    }
}

fn tag(own: &LessSafeKey, text: &[u8]) -> Option<CacheKey> {
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let tag = own.seal_in_place_separate_tag(nonce, Aad::from(text), &mut []);
    let bytes = tag.ok()?.as_ref().first_chunk().copied()?;
    Some(CacheKey(u128::from_le_bytes(bytes)))
}
