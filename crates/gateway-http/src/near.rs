//! The name that was probably meant.

/// Longer names are not compared: no endpoint's name is so long, and the comparison would cost more than reading it.
const LONGEST_BYTES: usize = 128;
/// As many candidates are compared, so that an unknown name costs the same with thirty thousand endpoints as with five
/// hundred.
const MOST_CANDIDATES: usize = 500;
/// More slips than this are never one name for the other.
const MOST_SLIPS: usize = 3;

/// The candidate nearest to `name`, if it is near enough to be a slip: a third of its letters, three at most.
///
/// A name of more than 128 bytes has none. Of the candidates the first 500 are compared.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > LONGEST_BYTES {
        return None;
    }
    let name = letters(name);
    let mut best: Option<(usize, &'a str)> = None;
    // One less than the best so far is still better.
    let mut allowed = (name.len() / 3).clamp(1, MOST_SLIPS);
    let candidates = candidates
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST_BYTES);
    for candidate in candidates {
        let Some(distance) = distance(&name, &letters(candidate), allowed) else {
            continue;
        };
        best = Some((distance, candidate));
        match distance.checked_sub(1) {
            Some(less) => allowed = less,
            None => break,
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Upper and lower case are equal.
fn letters(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// How many letters must be added, removed, changed or swapped with a neighbour to make `b` of `a`; `None` when it is
/// more than `allowed`. Looks only at places that `allowed` slips can lead to, so that it costs the length of the names
/// and not their product.
fn distance(a: &[char], b: &[char], allowed: usize) -> Option<usize> {
    const FAR: usize = usize::MAX / 2;
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(FAR);
    let mut before: Vec<usize> = vec![FAR; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row: Vec<usize> = vec![FAR; b.len() + 1];
    for (i, x) in a.iter().enumerate() {
        let (first, end) = (i.saturating_sub(allowed), (i + allowed + 1).min(b.len()));
        // What the row of two letters before has left of the first column that counts is too far to matter.
        if let Some(edge) = row.get_mut(first) {
            *edge = if first == 0 { i + 1 } else { FAR };
        }
        let mut least = at(&row, first);
        for (j, y) in b.iter().enumerate().take(end).skip(first) {
            let mut best = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let is_swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            if let Some(slot) = row.get_mut(j + 1) {
                *slot = best;
            }
            least = least.min(best);
        }
        // The next row looks one place further to the right than this one has been written.
        if let Some(edge) = row.get_mut(end + 1) {
            *edge = FAR;
        }
        if least > allowed {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    Some(at(&last, b.len())).filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name() {
        let names = ["chat", "embeddings", "gpt-4o-mini"];
        let find = |name| nearest(name, names.into_iter());
        assert_eq!(find("chta"), Some("chat"));
        assert_eq!(find("embedings"), Some("embeddings"));
        assert_eq!(find("GPT-4o_mini"), Some("gpt-4o-mini"));
        assert_eq!(find("hat"), Some("chat"));
        assert_eq!(find("chats"), Some("chat"));
    }

    #[test]
    fn a_different_word_finds_nothing() {
        let names = ["chat", "embeddings"];
        assert_eq!(nearest("claude", names.into_iter()), None);
        assert_eq!(nearest("", names.into_iter()), None);
    }

    /// The definition, without bounds.
    fn plain(a: &[char], b: &[char]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let differ = usize::from(a[i - 1] != b[j - 1]);
                    let mut best = (table[i - 1][j - 1] + differ)
                        .min(table[i - 1][j] + 1)
                        .min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(table[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        table[a.len()][b.len()]
    }

    #[test]
    fn the_short_way_finds_what_the_definition_finds() {
        let mut state = 7_u64;
        let mut word = || {
            let mut next = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as usize
            };
            let length = next() % 9;
            (0..length)
                .map(|_| ['a', 'b', 'c'][next() % 3])
                .collect::<Vec<char>>()
        };
        for _ in 0..20_000 {
            let (a, b) = (word(), word());
            for allowed in 0..=3 {
                let expected = Some(plain(&a, &b)).filter(|it| *it <= allowed);
                assert_eq!(distance(&a, &b, allowed), expected, "{a:?} {b:?} {allowed}");
            }
        }
    }

    #[test]
    fn a_huge_name_and_a_long_list_cost_next_to_nothing() {
        let huge = "x".repeat(10_000_000);
        let names: Vec<String> = (0..30_000)
            .map(|n| format!("{}{n:06}", "x".repeat(120)))
            .collect();
        let begun = std::time::Instant::now();
        assert_eq!(nearest(&huge, names.iter().map(String::as_str)), None);
        let long = "x".repeat(126);
        nearest(&long, names.iter().map(String::as_str));
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
