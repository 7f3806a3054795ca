//! Whole events only.

use bytes::{Bytes, BytesMut};

/// Holds the beginning of an event back until the rest is there, so that of an event that is cut off no half leaves:
/// clients read each event as JSON, and would stumble over the half before they see the error after it.
#[derive(Debug, Default)]
pub(crate) struct Held(BytesMut);

impl Held {
    /// What may leave of what was held and `chunk`, in which the first incomplete event begins at `tail`, as
    /// [`SseScanner::feed`](super::SseScanner::feed) says. Chunks of whole events are not copied.
    pub(crate) fn pass(&mut self, chunk: &Bytes, tail: usize) -> Bytes {
        let rest = chunk.get(tail..).unwrap_or_default();
        let whole = if tail == 0 {
            Bytes::new()
        } else if self.0.is_empty() {
            chunk.slice(..tail.min(chunk.len()))
        } else {
            self.0
                .extend_from_slice(chunk.get(..tail).unwrap_or_default());
            self.0.split().freeze()
        };
        self.0.extend_from_slice(rest);
        whole
    }

    /// What was held, when the stream is over.
    pub(crate) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::SseScanner;

    #[test]
    fn only_whole_events_leave_wherever_the_bytes_are_cut() {
        let text = b": hi\n\ndata: {\"a\":1}\n\nevent: b\ndata: {}\r\n\r\ndata: ha";
        let whole = text.len() - b"data: ha".len();
        for cut in 0..=text.len() {
            let (mut scanner, mut held) = (SseScanner::new(), Held::default());
            let mut left = Vec::new();
            for piece in [&text[..cut], &text[cut..]] {
                let chunk = Bytes::copy_from_slice(piece);
                let tail = scanner.feed(&chunk, |_| {}).unwrap();
                left.extend_from_slice(&held.pass(&chunk, tail));
            }
            assert!(text.starts_with(&left) && left.len() <= whole, "{cut}");
            assert_eq!([&left[..], &held.take()].concat(), text, "{cut}");
        }
    }
}
