//! What a simulated model says. Pure: the same settings and the same request give the same answer.

pub(crate) mod chat;
pub(crate) mod embedding;
pub(crate) mod schema;
pub(crate) mod words;

use serde_json::Value;

/// Tokens of a text: about 4 bytes each.
pub(crate) fn tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX)
}

/// The first `limit` tokens of a text.
pub(crate) fn first_tokens(text: &str, limit: u64) -> &str {
    let bytes = usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX);
    if bytes >= text.len() {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// All text inside a JSON value, keys left out: what a prompt holds, whatever its form.
pub(crate) fn text_inside(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| text_inside(item, out)),
        Value::Object(map) => map.values().for_each(|item| text_inside(item, out)),
        _ => {}
    }
}

/// A random generator for this request: FNV-1a over its bytes, together with the seed.
pub(crate) fn random(seed: u64, parts: &[&str]) -> fastrand::Rng {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash ^= u64::from(byte);
            hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    fastrand::Rng::with_seed(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_and_cut_at_characters() {
        assert_eq!((tokens(""), tokens("a"), tokens("12345")), (0, 1, 2));
        assert_eq!(first_tokens("12345678", 1), "1234");
        assert_eq!(first_tokens("123é5678", 1), "123");
        assert_eq!(first_tokens("12", 9), "12");
    }

    #[test]
    fn randomness_depends_on_seed_and_request_only() {
        let draw = |seed, parts: &[&str]| random(seed, parts).u64(..);
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(2, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(1, &["ab"]));
    }
}
