//! Texts of callers and providers, cut to a length that labels and fields can bear.

/// The most bytes of a label, or of a field that is a name.
pub(crate) const NAME: usize = 256;
/// The most bytes of a field that is an explanation.
pub(crate) const DETAIL: usize = 1024;

/// The beginning of `text`, at most `most` bytes of it, ended between letters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("chat", 4), "chat");
        assert_eq!(cut("chats", 4), "chat");
        assert_eq!(cut("aää", 4), "aä");
        assert_eq!(cut("", 4), "");
    }
}
