use aws_lc_rs::digest::{Context, SHA256, digest};

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
    /// What was hashed already: none unless there was a large part.
    context: Option<Box<Context>>,
    /// Small parts are hashed together, at the end.
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
            context: None,
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
