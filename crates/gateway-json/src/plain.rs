//! The bytes of a string up to the next one that means something: the innermost loop of every walk.

/// Bytes that are looked at together; the compiler makes vector instructions of a fold over so many.
const BLOCK: usize = 64;
/// The bytes of a word.
const WORD: usize = 8;

/// One bit in each byte of a word.
const ONES: u64 = u64::from_ne_bytes([0x01; WORD]);
/// The highest bit of each byte.
const HIGHS: u64 = u64::from_ne_bytes([0x80; WORD]);

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
    let mut seen = 0;
    let mut rest = text;
    // Keys and short words end here.
    for _ in 0..2 {
        let Some((word, behind)) = rest.split_first_chunk::<WORD>() else {
            break;
        };
        let word = u64::from_le_bytes(*word);
        seen |= word;
        let special = special(word);
        if special != 0 {
            return found(text, rest, special, seen);
        }
        rest = behind;
    }
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        let (special, high) = fold(block);
        seen |= u64::from(high);
        if special != 0 {
            break;
        }
        rest = behind;
    }
    while let Some((word, behind)) = rest.split_first_chunk::<WORD>() {
        let word = u64::from_le_bytes(*word);
        seen |= word;
        let special = special(word);
        if special != 0 {
            return found(text, rest, special, seen);
        }
        rest = behind;
    }
    let mut length = text.len() - rest.len();
    for byte in rest {
        seen |= u64::from(*byte);
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        length += 1;
    }
    Plain {
        length,
        ascii: seen & HIGHS == 0,
    }
}

/// The first special byte stands in the word that `rest` begins with, where `special` has its lowest bit.
fn found(text: &[u8], rest: &[u8], special: u64, seen: u64) -> Plain {
    let within = special.trailing_zeros() as usize / 8;
    Plain {
        length: text.len() - rest.len() + within,
        ascii: seen & HIGHS == 0,
    }
}

/// The highest bits of the bytes that are special. Only the lowest of them is certain: a borrow runs upwards.
const fn special(word: u64) -> u64 {
    let quotes = word ^ u64::from_ne_bytes([b'"'; WORD]);
    let escapes = word ^ u64::from_ne_bytes([b'\\'; WORD]);
    let found = (quotes.wrapping_sub(ONES) & !quotes)
        | (escapes.wrapping_sub(ONES) & !escapes)
        | (word.wrapping_sub(u64::from_ne_bytes([0x20; WORD])) & !word);
    found & HIGHS
}

/// Whether any byte is special, and all of them together.
fn fold(block: &[u8; BLOCK]) -> (u8, u8) {
    block.iter().fold((0, 0), |(special, seen), byte| {
        let is = u8::from(*byte < 0x20) | u8::from(*byte == b'"') | u8::from(*byte == b'\\');
        (special | is, seen | *byte)
    })
}
