use super::Set;

/// The destination that `draw` means, any number being a fair draw. `None` when every share is zero.
pub(crate) fn split(among: Set, share: impl Fn(usize) -> u32, draw: u64) -> Option<usize> {
    let total: u64 = among.iter().map(|number| u64::from(share(number))).sum();
    let mut ticket = draw.checked_rem(total)?;
    among.iter().find(|number| {
        let share = u64::from(share(*number));
        let is_it = ticket < share;
        ticket = ticket.saturating_sub(share);
        is_it
    })
}
