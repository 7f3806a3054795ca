//! What a walk shows of the keys of all objects, and the quick look at them: is any key spelt with an escape, or twice?

use crate::cursor::Fault;
use crate::text::Text;

/// Sees the objects of a text from the outside in, each with its keys in order.
pub(crate) trait Keys {
    /// An object that is not empty begins.
    fn open(&mut self);

    /// A key of the object that began last and has not ended.
    ///
    /// # Errors
    /// [`Fault`] where the key makes the text one that must not be used.
    fn key(&mut self, key: &Text<'_>) -> Result<(), Fault>;

    /// That object ends.
    ///
    /// # Errors
    /// As for [`key`](Self::key).
    fn close(&mut self) -> Result<(), Fault>;
}

/// Nothing is looked at.
impl Keys for () {
    fn open(&mut self) {}

    fn key(&mut self, _: &Text<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Keys of all objects that are open at one time, at most. More are not told apart here.
const SLOTS: usize = 128;
/// Objects that can be open at one time: the deepest nesting below a member, and the top object.
const LEVELS: usize = 128;

/// Notices keys that need a closer look ([`normal`](crate::normal)): those with an escape, and those that may stand twice in
/// their object. It keeps a hash of every key of the objects that are open, on the stack; equal keys have equal hashes, so
/// that a doubtful text is never taken for a good one. Other texts cost a comparison of a few words per key.
#[derive(Debug)]
pub(crate) struct QuickLook {
    hashes: [u32; SLOTS],
    /// How many of `hashes` are in use.
    used: usize,
    /// Where the hashes of each open object begin.
    begins: [u8; LEVELS],
    /// How many objects are open.
    depth: usize,
    is_doubtful: bool,
}

impl QuickLook {
    pub(crate) const fn new() -> Self {
        Self {
            hashes: [0; SLOTS],
            used: 0,
            begins: [0; LEVELS],
            depth: 0,
            is_doubtful: false,
        }
    }

    /// Whether a key has an escape, or may stand twice in its object.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }
}

impl Keys for QuickLook {
    #[inline]
    fn open(&mut self) {
        match (self.begins.get_mut(self.depth), u8::try_from(self.used)) {
            (Some(begin), Ok(used)) => *begin = used,
            _ => self.is_doubtful = true,
        }
        self.depth += 1;
    }

    #[inline]
    fn key(&mut self, key: &Text<'_>) -> Result<(), Fault> {
        if self.is_doubtful {
            return Ok(());
        }
        let hash = hash(key.plain());
        let begin = self.begins.get(self.depth.wrapping_sub(1));
        let begin = begin.map_or(0, |begin| usize::from(*begin));
        let before = self.hashes.get(begin..self.used).unwrap_or_default();
        self.is_doubtful = key.escaped || before.contains(&hash);
        match self.hashes.get_mut(self.used) {
            Some(slot) => *slot = hash,
            None => self.is_doubtful = true,
        }
        self.used += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self) -> Result<(), Fault> {
        self.depth = self.depth.wrapping_sub(1);
        if let Some(begin) = self.begins.get(self.depth) {
            self.used = usize::from(*begin);
        }
        Ok(())
    }
}

/// A hash that tells common keys apart. Whoever finds two keys with one hash has gained nothing but the closer look.
#[inline]
fn hash(key: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |state: u64, word: u64| (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let mut state = key.len() as u64;
    let (words, behind) = key.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    if let Some(last) = key.last_chunk::<8>() {
        state = mix(state, u64::from_le_bytes(*last));
    } else {
        let word = behind
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        state = mix(state, word);
    }
    ((state ^ state << 32) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_keys_have_hashes_of_their_own() {
        let keys = [
            "model",
            "messages",
            "role",
            "content",
            "type",
            "text",
            "name",
            "n",
            "stop",
            "seed",
            "user",
            "top_p",
            "top_k",
            "tools",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "description",
            "properties",
            "parameters",
            "function",
            "required",
            "metadata",
            "response_format",
            "image_url",
            "input_text",
        ];
        let mut hashes: Vec<u32> = keys.iter().map(|key| hash(key.as_bytes())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), keys.len());
    }
}
