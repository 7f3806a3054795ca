//! The name that was probably meant.

/// The candidate nearest to `name`, if it is near enough to be a slip: a third of its letters, three at most.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, changed or swapped with a neighbour, upper and lower case being equal.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().take(128).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name() {
        let names = ["chat", "embeddings", "gpt-4o-mini"];
        let find = |name| nearest(name, names.into_iter());
        assert_eq!(find("chta"), Some("chat"));
        assert_eq!(find("embedings"), Some("embeddings"));
        assert_eq!(find("GPT-4o_mini"), Some("gpt-4o-mini"));
    }

    #[test]
    fn a_different_word_finds_nothing() {
        let names = ["chat", "embeddings"];
        assert_eq!(nearest("claude", names.into_iter()), None);
        assert_eq!(nearest("", names.into_iter()), None);
    }
}
