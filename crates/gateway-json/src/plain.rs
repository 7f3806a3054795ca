//! The bytes of a string up to the next one that means something: the innermost loop of every walk.

use wide::u8x16;

/// Bytes that are looked at together, by one vector instruction where the processor has it.
const BLOCK: usize = 16;

/// Bytes that say what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// How many there are.
    pub length: usize,
    /// Whether all of them, and what was looked at behind them, are ASCII.
    pub ascii: bool,
}

/// How many bytes at the beginning of `text` are neither a quote nor a backslash nor a control character: all of them where
/// there is none.
pub fn plain(text: &[u8]) -> Plain {
    let mut ascii = true;
    let mut rest = text;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        let (special, high) = look(*block);
        ascii &= high == 0;
        if special != 0 {
            let within = special.trailing_zeros() as usize;
            let length = text.len() - rest.len() + within;
            return Plain { length, ascii };
        }
        rest = behind;
    }
    let mut length = text.len() - rest.len();
    for byte in rest {
        if is_special(*byte) {
            break;
        }
        ascii &= byte.is_ascii();
        length += 1;
    }
    Plain { length, ascii }
}

/// Whether all bytes are neither a quote nor a backslash nor a control character: a string that says them needs no escapes.
#[inline]
pub fn is_plain(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<BLOCK>() {
        let blocks = text.as_chunks::<BLOCK>().0;
        blocks.iter().chain([last]).all(|block| look(*block).0 == 0)
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        is_plain_word(u64::from_le_bytes(*first)) && is_plain_word(u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        is_plain_word(u64::from(first) << 32 | u64::from(last))
    } else {
        !text.iter().copied().any(is_special)
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Eight bytes at once: a byte that is less than another borrows from its highest bit.
const fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHEST: u64 = ONES << 7;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let special = word.wrapping_sub(ONES * 0x20) & !word
        | quotes.wrapping_sub(ONES) & !quotes
        | backslashes.wrapping_sub(ONES) & !backslashes;
    special & HIGHEST == 0
}

/// The bytes of a block that are special, and those that are not ASCII: one bit each, the first byte's lowest.
#[inline]
fn look(block: [u8; BLOCK]) -> (u32, u32) {
    let bytes = u8x16::new(block);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(0x1F)).simd_eq(bytes);
    let special = is(b'"') | is(b'\\') | control;
    (special.to_bitmask(), bytes.to_bitmask())
}
