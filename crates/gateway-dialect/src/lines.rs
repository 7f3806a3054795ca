//! Bodies cut anywhere, as lines.

use bytes::Bytes;
use gateway_schema::stream::Frame;
use gateway_schema::{CallError, ErrorKind};

/// The longest line that is kept while it is incomplete.
const MOST_LINE_BYTES: usize = 8 * 1024 * 1024;

/// Cuts chunks into lines. It copies nothing while a line lies within one chunk.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The bytes so far of a line that is not complete.
    carry: Vec<u8>,
}

impl Lines {
    /// Takes a chunk, and gives each line that it completes, without its end.
    ///
    /// # Errors
    /// That of `on`, after which the rest of the chunk is not looked at; a line that is too long.
    pub(crate) fn feed(
        &mut self,
        chunk: &Bytes,
        mut on: impl FnMut(&[u8]) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let mut rest: &[u8] = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            if self.carry.is_empty() {
                on(line)?;
            } else {
                let mut whole = self.take();
                whole.extend_from_slice(line);
                on(&whole)?;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        if self.carry.len().saturating_add(rest.len()) > MOST_LINE_BYTES {
            return Err(CallError::upstream(
                ErrorKind::Upstream,
                "The provider sent an event that is too large.",
            ));
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    /// The last line, which nothing ends.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.carry)
    }
}

/// What reads a stream line by line; the two steps of [`gateway_schema::stream::Decode`] follow from it.
pub(crate) trait ReadLines {
    /// Where its lines are cut.
    fn lines(&mut self) -> &mut Lines;

    /// Reads one line, without its end.
    ///
    /// # Errors
    /// Of origin upstream, when it cannot be read.
    fn line(&mut self, line: &[u8], out: &mut Vec<Frame>) -> Result<(), CallError>;

    /// Whether the answer is over, well or badly.
    fn is_over(&self) -> bool;

    /// Reads the lines that `chunk` completes.
    ///
    /// # Errors
    /// Those of [`Self::line`]; a line that is too long.
    fn feed_lines(&mut self, chunk: &Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut lines = std::mem::take(self.lines());
        let fed = lines.feed(chunk, |line| self.line(line, out));
        *self.lines() = lines;
        fed
    }

    /// Reads the last line, which nothing ends; `cut_short` where the answer is not over then.
    ///
    /// # Errors
    /// Those of [`Self::line`], and `cut_short`.
    fn end_lines(&mut self, out: &mut Vec<Frame>, cut_short: CallError) -> Result<(), CallError> {
        let last = self.lines().take();
        let read = self.line(&last, out);
        if self.is_over() {
            return Ok(());
        }
        read.and(Err(cut_short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_cut() {
        let text = b"one\n\ntwo\r\nthr";
        for cut in 0..=text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for piece in [&text[..cut], &text[cut..]] {
                let mut keep = |line: &[u8]| {
                    seen.push(line.to_vec());
                    Ok(())
                };
                lines
                    .feed(&Bytes::copy_from_slice(piece), &mut keep)
                    .unwrap();
            }
            assert_eq!(seen, [&b"one"[..], b"", b"two\r"], "{cut}");
            assert_eq!(lines.take(), b"thr", "{cut}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        let chunk = Bytes::from(vec![b'a'; MOST_LINE_BYTES]);
        lines.feed(&chunk, |_| Ok(())).unwrap();
        assert!(lines.feed(&chunk, |_| Ok(())).is_err());
    }
}
