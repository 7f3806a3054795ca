//! Made-up sentences.

use super::tokens;

const WORDS: [&str; 48] = [
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
    "incididunt",
    "ut",
    "labore",
    "et",
    "dolore",
    "magna",
    "aliqua",
    "enim",
    "ad",
    "minim",
    "veniam",
    "quis",
    "nostrud",
    "exercitation",
    "ullamco",
    "laboris",
    "nisi",
    "aliquip",
    "ex",
    "ea",
    "commodo",
    "consequat",
    "duis",
    "aute",
    "irure",
    "in",
    "reprehenderit",
    "voluptate",
    "velit",
    "esse",
    "cillum",
    "fugiat",
    "nulla",
    "pariatur",
    "naïve",
    "café",
];

/// A word.
pub(crate) fn word(random: &mut fastrand::Rng) -> &'static str {
    random.choice(WORDS).unwrap_or("lorem")
}

/// Sentences of about `length` tokens together.
pub(crate) fn sentences(random: &mut fastrand::Rng, length: u64) -> String {
    let mut text = String::new();
    let mut left_in_sentence = 0_u8;
    loop {
        let next = word(random);
        if left_in_sentence == 0 {
            left_in_sentence = random.u8(5..=12);
            if !text.is_empty() {
                text.push_str(". ");
            }
            let mut letters = next.chars();
            text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            text.push_str(letters.as_str());
        } else {
            text.push(' ');
            text.push_str(next);
        }
        left_in_sentence -= 1;
        if tokens(&text) >= length {
            text.push('.');
            return text;
        }
    }
}

/// A text in the pieces a stream brings: words with the space before them. Joined they are the text.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for (at, letter) in text.char_indices() {
        let since = at - begin;
        if (letter == ' ' && since > 0) || since >= 16 {
            pieces.extend(text.get(begin..at));
            begin = at;
        }
    }
    pieces.extend(text.get(begin..).filter(|rest| !rest.is_empty()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_about_the_length_asked_for() {
        for length in [1, 10, 100] {
            let text = sentences(&mut fastrand::Rng::with_seed(length), length);
            assert!((length..length + 5).contains(&tokens(&text)), "{text}");
        }
    }

    #[test]
    fn pieces_join_to_the_text() {
        for text in [
            "",
            "a",
            "  two  spaces ",
            "ééééééééééééééééééééééé and more",
        ] {
            assert_eq!(pieces(text).concat(), text);
            assert!(pieces(text).iter().all(|piece| !piece.is_empty()));
        }
        assert_eq!(pieces("one two three"), ["one", " two", " three"]);
    }
}
