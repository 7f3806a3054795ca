use aws_lc_rs::digest::{Context, SHA256};

/// What a value is kept by: 128 bits of a cryptographic hash, so that nobody can make two questions share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(u128);

impl std::fmt::LowerHex for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::LowerHex::fmt(&self.0, f)
    }
}

/// Makes a [`CacheKey`] of parts.
#[derive(Clone)]
pub struct KeyHasher {
    context: Context,
    /// Small parts are hashed together.
    buffer: Vec<u8>,
}

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
            context: Context::new(&SHA256),
            buffer: Vec::with_capacity(256),
        };
        empty.with(purpose.as_bytes())
    }

    /// Adds a part. Where one ends and the next begins counts.
    pub fn with(mut self, part: &[u8]) -> Self {
        self.buffer
            .extend_from_slice(&(part.len() as u64).to_le_bytes());
        if part.len() < LARGE {
            self.buffer.extend_from_slice(part);
        } else {
            self.context.update(&self.buffer);
            self.buffer.clear();
            self.context.update(part);
        }
        self
    }

    /// Adds a part that may be absent, which differs from an empty one.
    pub fn with_optional(mut self, part: Option<&[u8]>) -> Self {
        self.buffer.push(u8::from(part.is_some()));
        self.with(part.unwrap_or_default())
    }

    /// Adds another key.
    pub fn with_key(self, key: CacheKey) -> Self {
        self.with(&key.0.to_le_bytes())
    }

    /// The key of all parts, in their order.
    pub fn finish(mut self) -> CacheKey {
        self.context.update(&self.buffer);
        let digest = self.context.finish();
        let head = digest.as_ref().first_chunk().copied().unwrap_or_default();
        CacheKey(u128::from_le_bytes(head))
    }
}
