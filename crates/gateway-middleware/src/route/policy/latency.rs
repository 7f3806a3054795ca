use super::Set;

/// The better of two that `draw` means: the power of two choices. Looking at all would send every caller to the same
/// one until somebody has measured it anew.
pub(crate) fn latency(among: Set, cost: impl Fn(usize) -> f32, draw: u64) -> Option<usize> {
    let count = among.len() as u64;
    let first = draw.checked_rem(count)?;
    // The second among the others, by the other half of the draw.
    let Some(offset) = (draw >> 32).checked_rem(count - 1) else {
        return among.nth(0);
    };
    let second = (first + 1 + offset) % count;
    let one = among.nth(usize::try_from(first).ok()?)?;
    let other = among.nth(usize::try_from(second).ok()?)?;
    Some(if cost(other) < cost(one) { other } else { one })
}
