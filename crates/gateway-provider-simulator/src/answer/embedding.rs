//! Vectors: each word has a direction of its own, a text points where its words point together. So texts that share
//! words are near each other, and the same text always has the same vector.

use super::random;

/// The most words of a text that count.
const MOST_WORDS: usize = 2_000;

/// The unit vector of a text.
pub(crate) fn vector(seed: u64, text: &str, dimensions: u32) -> Vec<f32> {
    let mut sum: Vec<f64> = (0..dimensions).map(|_| 0.0).collect();
    let words = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MOST_WORDS);
    // A text without words has a direction, too.
    for word in std::iter::once("").chain(words) {
        let mut random = random(seed, &[&word.to_lowercase()]);
        let weight = if word.is_empty() { 0.05 } else { 1.0 };
        for component in &mut sum {
            *component += weight * (random.f64() - 0.5);
        }
    }
    let length = sum
        .iter()
        .map(|component| component * component)
        .sum::<f64>()
        .sqrt();
    sum.iter()
        .map(|component| narrow(component / length.max(f64::MIN_POSITIVE)))
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "vectors are 32-bit floats on the wire"
)]
const fn narrow(component: f64) -> f32 {
    component as f32
}

/// A vector in base64: 32-bit floats, little-endian.
pub(crate) fn base64(vector: &[f32]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|component| component.to_le_bytes())
        .collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4_usize {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = LETTERS.get(index).copied().unwrap_or(b'A');
            text.push(if place > group.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: &str, other: &str) -> f32 {
        let (one, other) = (vector(0, one, 64), vector(0, other, 64));
        one.iter().zip(&other).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn vectors_have_length_one_and_texts_with_the_same_words_are_near() {
        for text in ["", "hello", "a much longer text about something else"] {
            assert!((near(text, text) - 1.0).abs() < 1e-5);
        }
        assert!(near("the red cat sleeps", "The red dog sleeps") > 0.6);
        assert!(near("the red cat sleeps", "quantum field theory") < 0.4);
        assert_eq!(vector(0, "x", 5).len(), 5);
        assert_ne!(vector(0, "x", 5), vector(1, "x", 5));
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -2.5]), "AACAPwAAIMA=");
        assert_eq!(base64(&[0.0, 0.0, 0.0]), "AAAAAAAAAAAAAAAA");
    }
}
