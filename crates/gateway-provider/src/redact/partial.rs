//! Parts of a key: masked, cut short, or cut by the end of a chunk.

use memchr::{memchr_iter, memmem};

/// A beginning of a key as short as this proves nothing unless a mask follows it.
const MIN_PREFIX: usize = 12;
/// What of a key's beginning stands before a mask at least, and of its end behind one.
const MIN_MASKED_PREFIX: usize = 3;
const MIN_MASKED_SUFFIX: usize = 2;
const MIN_LONE_SUFFIX: usize = 4;
/// How long a mask is at least.
const MIN_MASK: usize = 2;

/// Adds the spans of `text` that show a part of `key`: `sk-pro...abcd`, `****abcd`, a beginning of 12 bytes and two
/// fifths of it.
pub(super) fn find(text: &[u8], key: &[u8], spans: &mut Vec<(usize, usize)>) {
    let Some(prefix) = key.get(..MIN_MASKED_PREFIX) else {
        return;
    };
    for from in memmem::find_iter(text, prefix) {
        let rest = text.get(from..).unwrap_or_default();
        let shown = common(rest, key);
        let mask = mask_length(rest.get(shown..).unwrap_or_default());
        let behind = rest.get(shown + mask..).unwrap_or_default();
        let suffix = suffix_length(behind, key);
        if mask >= MIN_MASK && suffix >= MIN_MASKED_SUFFIX {
            spans.push((from, from + shown + mask + suffix));
        } else if shown >= MIN_PREFIX.max(key.len() * 2 / 5) {
            spans.push((from, from + shown));
        }
    }
    let Some(end) = key
        .len()
        .checked_sub(MIN_LONE_SUFFIX)
        .and_then(|at| key.get(at..))
    else {
        return;
    };
    for at in memmem::find_iter(text, end) {
        let before = text.get(..at).unwrap_or_default();
        let mask = before
            .iter()
            .rev()
            .take_while(|byte| is_mask(**byte))
            .count();
        if mask > MIN_MASK {
            spans.push((at - mask, at + end.len()));
        }
    }
}

/// How many bytes at the end of `text` are a beginning of `key`, but not the whole of it.
pub(super) fn open_end(text: &[u8], key: &[u8]) -> usize {
    let Some(first) = key.first() else { return 0 };
    let start = text.len().saturating_sub(key.len() - 1);
    let tail = text.get(start..).unwrap_or_default();
    memchr_iter(*first, tail)
        .filter_map(|at| tail.get(at..))
        .find(|end| key.starts_with(end))
        .map_or(0, <[u8]>::len)
}

/// How many bytes at the beginning of both are the same.
fn common(text: &[u8], key: &[u8]) -> usize {
    text.iter().zip(key).take_while(|(a, b)| a == b).count()
}

fn mask_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_mask(**byte)).count()
}

/// The longest end of `key` that `text` begins with.
fn suffix_length(text: &[u8], key: &[u8]) -> usize {
    (MIN_MASKED_SUFFIX..key.len())
        .rev()
        .find(|length| {
            let end = key.get(key.len() - length..).unwrap_or_default();
            text.starts_with(end)
        })
        .unwrap_or(0)
}

/// A star, a full stop, a number sign, and the bytes of `•` and `…`.
const fn is_mask(byte: u8) -> bool {
    matches!(byte, b'*' | b'.' | b'#' | 0xE2 | 0x80 | 0xA2 | 0xA6)
}
