//! Whole events only, of streams that are passed back as they are: of an event that is cut off no half leaves.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// The most of an incomplete event that is held back. A larger one passes as it comes.
const MAX_HELD_BYTES: usize = 1024 * 1024;

/// How events are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By a blank line.
    Lines,
    /// Each says how long it is, in its first four bytes (AWS's event streams).
    Lengths,
    /// One a line.
    Line,
}

/// Holds the beginning of an event back until the rest is there.
#[derive(Debug)]
pub(super) struct WholeEvents {
    framing: Framing,
    held: BytesMut,
    /// How much of what is held was searched for an end.
    searched: usize,
}

impl WholeEvents {
    /// For an answer with this head; `None` for one that is no stream of events.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        let kind = headers.get(CONTENT_TYPE)?.as_bytes().to_ascii_lowercase();
        let framing = if kind.starts_with(b"text/event-stream") {
            Framing::Lines
        } else if kind.starts_with(b"application/vnd.amazon.eventstream") {
            Framing::Lengths
        } else if kind.starts_with(b"application/x-ndjson") {
            Framing::Line
        } else {
            return None;
        };
        Some(Self {
            framing,
            held: BytesMut::new(),
            searched: 0,
        })
    }

    /// What may leave of what was held and `chunk`. A chunk of whole events is not copied.
    pub(super) fn pass(&mut self, chunk: Bytes) -> Bytes {
        if self.held.is_empty() && self.end(&chunk, 0) == chunk.len() {
            return chunk;
        }
        self.held.extend_from_slice(&chunk);
        let end = self.end(&self.held, self.searched);
        if end == 0 && self.held.len() > MAX_HELD_BYTES {
            return self.take();
        }
        let whole = self.held.split_to(end).freeze();
        self.searched = self.held.len().saturating_sub(3);
        whole
    }

    /// What was held, when the stream is over.
    pub(super) fn take(&mut self) -> Bytes {
        self.searched = 0;
        self.held.split().freeze()
    }

    /// One past the last whole event of `text`, nothing before `from` being an end.
    fn end(&self, text: &[u8], from: usize) -> usize {
        match self.framing {
            Framing::Line => {
                let tail = text.get(from..).unwrap_or_default();
                memchr::memrchr(b'\n', tail).map_or(0, |at| from + at + 1)
            }
            Framing::Lines => blank_line(text, from),
            Framing::Lengths => {
                let mut at = 0;
                while let Some(length) = text.get(at..at + 4) {
                    let length = length.iter().fold(0_usize, |sum, byte| {
                        sum.saturating_mul(256).saturating_add(usize::from(*byte))
                    });
                    match at.checked_add(length) {
                        Some(next) if next <= text.len() && length >= 16 => at = next,
                        // What states no length is no event: it passes.
                        _ if length < 16 => return text.len(),
                        _ => break,
                    }
                }
                at
            }
        }
    }
}

/// One past the last blank line.
fn blank_line(text: &[u8], from: usize) -> usize {
    let tail = text.get(from..).unwrap_or_default();
    ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"]
        .iter()
        .filter_map(|end| {
            memchr::memmem::rfind(tail, end.as_bytes()).map(|at| from + at + end.len())
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(kind: &'static str) -> WholeEvents {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        WholeEvents::of(&headers).unwrap()
    }

    #[test]
    fn only_whole_events_leave_wherever_the_bytes_are_cut() {
        let mut message = vec![0, 0, 0, 20];
        message.resize(20, 7);
        for (kind, event) in [
            ("text/event-stream; charset=utf-8", b"data: {}\n\n".to_vec()),
            (
                "text/event-stream",
                b"event: a\r\ndata: {}\r\n\r\n".to_vec(),
            ),
            ("application/x-ndjson", b"{}\n".to_vec()),
            ("application/vnd.amazon.eventstream", message),
        ] {
            let text = [event.as_slice(), &event, &event].concat();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut events = of(kind);
                    let mut left = Vec::new();
                    for piece in [&text[..first], &text[first..second]] {
                        left.extend_from_slice(&events.pass(Bytes::copy_from_slice(piece)));
                        assert_eq!(left.len() % event.len(), 0, "{kind} {first} {second}");
                    }
                    assert_eq!(
                        left.len() / event.len(),
                        second / event.len(),
                        "{kind} {second}"
                    );
                    left.extend_from_slice(&events.take());
                    assert_eq!(left, &text[..second]);
                }
            }
        }
    }

    #[test]
    fn what_never_ends_is_not_held_for_ever() {
        let mut events = of("text/event-stream");
        let chunk = Bytes::from(vec![b'a'; MAX_HELD_BYTES + 1]);
        assert_eq!(events.pass(chunk.clone()).len(), chunk.len());
    }
}
