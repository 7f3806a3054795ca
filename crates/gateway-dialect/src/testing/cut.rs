//! Bodies cut into chunks, as networks cut them: anywhere.

use bytes::Bytes;

/// Chunks of 1 to `longest` bytes; the same `seed` cuts the same way.
pub fn at_random(body: &[u8], longest: usize, seed: u64) -> Vec<Bytes> {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    let mut rest = Bytes::copy_from_slice(body);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        // Knuth's generator; its upper half is random enough to cut with.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = usize::try_from(state >> 33).unwrap_or(0);
        let size = (1 + random % longest.max(1)).min(rest.len());
        chunks.push(rest.split_to(size));
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_join_to_the_body_and_a_seed_cuts_the_same_way() {
        let body = b"data: {\"text\":\"a\"}\r\n\r\n";
        for seed in 0..50 {
            let chunks = at_random(body, 5, seed);
            assert_eq!(chunks.concat(), body);
            assert_eq!(chunks, at_random(body, 5, seed));
            assert!(
                chunks
                    .iter()
                    .all(|chunk| !chunk.is_empty() && chunk.len() <= 5)
            );
        }
    }
}
