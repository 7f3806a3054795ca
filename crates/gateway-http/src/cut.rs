//! Texts of callers and providers, cut to a length that headers and logs can bear.

use std::borrow::Cow;

/// The most letters of a name or a path in a header or a field of the log. Names of models have up to about 200.
pub(crate) const NAME: usize = 256;
/// The most letters of an explanation in a field of the log.
pub(crate) const DETAIL: usize = 1024;

/// The first `most` letters of `text`, with `...` behind them when there are more.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // No letter has less than one byte.
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}...", text.get(..end).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_letters_and_a_short_one_is_not() {
        assert_eq!(cut("chat", 4), "chat");
        assert_eq!(cut("chats", 4), "chat...");
        assert_eq!(cut("ääää", 4), "ääää");
        assert_eq!(cut("äääää", 4), "ääää...");
    }
}
