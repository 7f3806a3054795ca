//! What the events of one stream have in common: everything but their text.

use gateway_json::plain;

use crate::sse;

/// How often a shape is learned anew. Where every event is different otherwise, too, it is of no use.
const MOST_LEARNED: u8 = 4;

/// An event without its text. A provider writes event after event alike: where only the text is another, it says nothing
/// but that text, and needs no look at the rest.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Up to the opening quote of the text, inclusive.
    before: Box<[u8]>,
    /// From its closing quote on.
    behind: Box<[u8]>,
    learned: u8,
}

impl Shape {
    /// The length of the text of an event that has this shape, escapes counted as they stand; such an event is JSON.
    pub(super) fn text_length(&self, data: &[u8]) -> Option<usize> {
        if self.learned == 0 {
            return None;
        }
        let text = data
            .strip_prefix(&*self.before)?
            .strip_suffix(&*self.behind)?;
        (!text.is_empty() && is_text(text)).then_some(text.len())
    }

    /// Remembers an event that says nothing but the text of `length` bytes at `start`, if it is JSON.
    pub(super) fn learn(&mut self, data: &[u8], start: usize, length: usize) {
        if self.learned == MOST_LEARNED || length == 0 || !sse::is_whole(data) {
            return;
        }
        let before = data.get(..start);
        let behind = data.get(start.saturating_add(length)..);
        if let (Some(before), Some(behind)) = (before, behind) {
            self.before = before.into();
            self.behind = behind.into();
            self.learned += 1;
        }
    }
}

/// True when these bytes may stand between the quotes of a JSON string, as far as quotes and control characters go.
fn is_text(text: &[u8]) -> bool {
    let mut rest = text;
    loop {
        let length = plain(rest).length;
        match rest.get(length..) {
            None | Some([]) => return true,
            Some([b'\\', _, after @ ..]) => rest = after,
            Some(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(data: &str, text: &str) -> Shape {
        let mut shape = Shape::default();
        shape.learn(data.as_bytes(), data.find(text).unwrap(), text.len());
        shape
    }

    #[test]
    fn only_the_text_may_be_another() {
        let shape = learned(r#"{"id":"a","delta":{"content":"Hi"},"usage":null}"#, "Hi");
        let length = |data: &str| shape.text_length(data.as_bytes());
        for (text, expected) in [
            ("Hello", Some(5)),
            (r#"a \"b\" \u00e9 \\"#, Some(17)),
            ("é", Some(2)),
            ("", None),
            (r#"a","tool_calls":"b"#, None),
            (r"a\", None),
            (r#"\\","usage":"b"#, None),
            ("a\nb", None),
        ] {
            let data = format!(r#"{{"id":"a","delta":{{"content":"{text}"}},"usage":null}}"#);
            assert_eq!(length(&data), expected, "{text}");
        }
        assert_eq!(
            length(r#"{"id":"b","delta":{"content":"Hi"},"usage":null}"#),
            None
        );
        assert_eq!(
            length(r#"{"id":"a","delta":{"content":"Hi"},"usage":{}}"#),
            None
        );
        // The two ends may not share a quote.
        assert_eq!(
            length(r#"{"id":"a","delta":{"content":"},"usage":null}"#),
            None
        );
    }

    #[test]
    fn what_is_no_json_or_never_the_same_is_not_learned() {
        let shape = learned(r#"{"id":"a","content":"Hi"]"#, "Hi");
        assert_eq!(shape.text_length(br#"{"id":"a","content":"Hi"]"#), None);
        let mut shape = Shape::default();
        for number in 0..10 {
            let data = format!(r#"{{"id":{number},"content":"Hi"}}"#);
            shape.learn(data.as_bytes(), 19, 2);
        }
        assert_eq!(shape.text_length(br#"{"id":3,"content":"Hi"}"#), Some(2));
    }
}
