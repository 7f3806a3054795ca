//! Near misses: which known name a written one was probably meant to be.

/// Longer names are not compared.
const LONGEST: usize = 64;
/// As many names are compared.
const MOST: usize = 500;

/// The known name nearest to `written`, when it is near enough to be meant.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    if written.len() > 4 * LONGEST {
        return None;
    }
    let folded = fold(written);
    let length = folded.chars().count();
    if length == 0 || length > LONGEST {
        return None;
    }
    let allowed = match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let is_near = |name: &str| name.chars().count().abs_diff(length) <= allowed;
    known
        .into_iter()
        .take(MOST)
        .filter(|name| *name != written && name.len() <= 4 * LONGEST && is_near(name))
        .map(|name| (distance(&folded, &fold(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Case and the choice of separator are no difference.
fn fold(name: &str) -> String {
    name.to_lowercase().replace(['-', ' '], "_")
}

/// The number of single-character edits, where two neighbours swapped count as one.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if b.len() > LONGEST {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (row, a_char) in a.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        let mut last_b = None;
        for (column, b_char) in b.iter().copied().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(LONGEST);
            let next = column.saturating_add(1);
            let mut best = (at(&above, next).saturating_add(1))
                .min(at(&current, column).saturating_add(1))
                .min(at(&above, column).saturating_add(usize::from(a_char != b_char)));
            if last_a == Some(b_char) && last_b == Some(a_char) {
                let swapped = at(&before, column.saturating_sub(1)).saturating_add(1);
                best = best.min(swapped);
            }
            current.push(best);
            last_b = Some(b_char);
        }
        before = std::mem::replace(&mut above, current);
        last_a = Some(a_char);
    }
    above.last().copied().unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_a_slip_and_an_omission_each_cost_one() {
        assert_eq!(distance("endponits", "endpoints"), 1);
        assert_eq!(distance("endpaints", "endpoints"), 1);
        assert_eq!(distance("endpints", "endpoints"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn only_names_that_are_near_are_suggested() {
        let known = ["endpoints", "routes", "auth"];
        assert_eq!(nearest("endponits", known), Some("endpoints"));
        assert_eq!(nearest("Route", known), Some("routes"));
        assert_eq!(nearest("version", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(
            nearest("openai-api-key", ["openai_api_key"]),
            Some("openai_api_key")
        );
    }
}
