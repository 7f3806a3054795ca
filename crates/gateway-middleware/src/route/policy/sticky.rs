//! A caller's own destination: weighted rendezvous hashing.
//!
//! Each destination draws a number for the caller from the hash of both, the more likely a high one the larger its
//! share; the highest wins. Whoever asks, wherever and whenever, finds the same without remembering anything, and a
//! destination whose share changes gives or takes callers of its own only.

use super::Set;

/// A hash that is the same in every build, on every machine and after every restart: 64-bit FNV-1a, mixed.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let raw = bytes.iter().fold(BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    mix(raw)
}

/// Lets every bit of the input change every bit of the output: the finalizer of SplitMix64.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// The caller's destination. `of` gives the hash of a destination's name, and its share.
pub(crate) fn sticky(among: Set, of: impl Fn(usize) -> (u64, u32), caller: u64) -> Option<usize> {
    let scored = among.iter().map(|number| {
        let (name, share) = of(number);
        // Between 0 and 1, neither of them: 53 bits and a half.
        let draw = ((mix(caller ^ name.rotate_left(32)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        (number, -f64::from(share) / draw.ln())
    });
    let best = scored.max_by(|one, other| one.1.total_cmp(&other.1));
    best.filter(|(_, score)| *score > 0.0)
        .map(|(number, _)| number)
}
