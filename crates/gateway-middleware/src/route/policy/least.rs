use super::Set;

/// The one with the least of something; `draw` decides among equals.
pub(crate) fn least<T: PartialOrd>(
    among: Set,
    of: impl Fn(usize) -> T,
    draw: u64,
) -> Option<usize> {
    let mut best: Option<(T, Set)> = None;
    for number in among.iter() {
        let own = of(number);
        best = Some(match best {
            Some((least, equals)) if own > least => (least, equals),
            Some((least, equals)) if own == least => (least, equals.with(number)),
            _ => (own, Set::default().with(number)),
        });
    }
    let (_, equals) = best?;
    let place = draw.checked_rem(equals.len() as u64)?;
    equals.nth(usize::try_from(place).ok()?)
}
