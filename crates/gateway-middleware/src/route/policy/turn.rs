use super::Set;

/// Each in turn.
pub(crate) fn turn(among: Set, turn: usize) -> Option<usize> {
    among.nth(turn.checked_rem(among.len())?)
}

/// The first.
pub(crate) fn first(among: Set) -> Option<usize> {
    among.nth(0)
}
