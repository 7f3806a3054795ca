//! Streams forwarded as they came, whole event by whole event, with the facts read from them.

use bytes::Bytes;
use gateway_schema::CallError;
use gateway_schema::stream::{Facts, Frame};
use memchr::memmem;

use super::held::Held;
use super::scanner::{SseEvent, SseScanner};
use super::{is_whole, malformed, may_be_object};

/// Reads the events of one dialect.
pub(crate) trait Reader {
    /// Reads one event.
    fn event(&mut self, event: &SseEvent<'_>, facts: &mut Facts);

    /// True once the answer is over: what follows need not be what the dialect says.
    fn is_over(&self) -> bool;

    /// True for data that is no JSON and means something all the same.
    fn is_word(_data: &[u8]) -> bool {
        false
    }

    /// The body is over: what only that tells.
    ///
    /// # Errors
    /// The stream stopped short of its end.
    fn end(&mut self, facts: &mut Facts) -> Result<(), CallError>;
}

/// A stream on its way through, and its reader.
#[derive(Debug, Default)]
pub(crate) struct Watch<R> {
    scanner: SseScanner,
    held: Held,
    pub(crate) reader: R,
}

impl<R: Reader> Watch<R> {
    /// As [`Decode::feed`](gateway_schema::stream::Decode::feed).
    ///
    /// # Errors
    /// An event that is not JSON: what came before it has left, it has not.
    pub(crate) fn feed(&mut self, chunk: &Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let reader = &mut self.reader;
        let mut facts = Facts::default();
        let mut bad = None;
        let tail = self.scanner.feed(chunk, |event| {
            if bad.is_some() {
            } else if reader.is_over() || is_readable::<R>(event.data) {
                reader.event(&event, &mut facts);
            } else {
                bad = Some(event.start);
            }
        })?;
        if let Some(start) = bad {
            // What came before the event is good.
            let good = start.map_or_else(Bytes::new, |start| self.held.pass(chunk, start));
            out.push(Frame::raw(good, facts));
            return Err(malformed());
        }
        leave(self.held.pass(chunk, tail), facts, out);
        Ok(())
    }

    /// As [`Decode::end`](gateway_schema::stream::Decode::end).
    ///
    /// # Errors
    /// As the reader's.
    pub(crate) fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let reader = &mut self.reader;
        let mut facts = Facts::default();
        let mut is_half = false;
        self.scanner.finish(|event| {
            // What the connection's end cut short is no event, whatever it began to say.
            is_half = !R::is_word(event.data) && !is_whole(event.data);
            if !is_half {
                reader.event(&event, &mut facts);
            }
        });
        let mut rest = self.held.take();
        if is_half {
            rest.clear();
        }
        let ended = self.reader.end(&mut facts);
        leave(rest, facts, out);
        ended
    }
}

fn is_readable<R: Reader>(data: &[u8]) -> bool {
    may_be_object(data) || R::is_word(data)
}

fn leave(bytes: Bytes, facts: Facts, out: &mut Vec<Frame>) {
    if !bytes.is_empty() || facts != Facts::default() {
        out.push(Frame::raw(bytes, facts));
    }
}

/// The length of the text that the first of these fields holds in an event that nobody parses; escapes count as they
/// stand.
pub(crate) fn text_length(data: &[u8], fields: &[&str]) -> Option<usize> {
    fields.iter().find_map(|field| length_of(data, field))
}

fn length_of(data: &[u8], field: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = data.get(from..)?;
        let at = memmem::find(rest, field.as_bytes())?;
        let is_quoted = at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'"');
        from += at + field.len();
        if is_quoted && let Some(text) = data.get(from..).and_then(text_after_key) {
            return Some(string_length(text));
        }
    }
}

/// What follows a key, from the quote that closes it, if that is text.
fn text_after_key(rest: &[u8]) -> Option<&[u8]> {
    let value = rest.strip_prefix(b"\"")?.trim_ascii_start();
    value
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")
}

/// The length of a JSON string whose opening quote was taken off.
pub(crate) fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if text.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_text_is_that_of_the_field_and_of_nothing_that_looks_like_it() {
        let length = |data: &str| text_length(data.as_bytes(), &["text", "thinking"]);
        assert_eq!(length(r#"{"type":"text","text" : "a\"b"}"#), Some(4));
        assert_eq!(length(r#"{"context":"aaa","thinking":"b"}"#), Some(1));
        assert_eq!(length(r#"{"said":"\"text\":\"no\"","text":""}"#), Some(0));
        assert_eq!(length(r#"{"text":7}"#), None);
        assert_eq!(length(r#"{"text":"cut sho"#), Some(7));
    }
}
