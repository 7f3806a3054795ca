//! Finds the pieces of a stream, whatever holds them together. What it is shows in its first byte: some hosts answer
//! with a JSON array, or one object, although events were asked for.

use gateway_schema::{CallError, ErrorKind};

use crate::sse::SseScanner;

/// The largest piece that is kept while it is incomplete.
const MAX_PIECE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes cut anywhere in, whole pieces out. One per stream.
#[derive(Debug, Default)]
pub(super) enum Source {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    /// Server-sent events.
    Events(SseScanner),
    /// A JSON array, or objects one after the other.
    Json(Items),
}

impl Source {
    /// Takes the next bytes and calls `on` for every piece they complete, with where it begins in the chunk if it does.
    /// Returns where in the chunk the bytes begin that belong to no whole piece yet.
    ///
    /// # Errors
    /// Of origin upstream: a piece that is too large, or bytes between pieces that are not JSON.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(&[u8], Option<usize>),
    ) -> Result<usize, CallError> {
        let mut rest = chunk;
        let mut before = 0;
        if let Self::Unknown = self {
            let start = chunk.iter().position(|byte| !is_blank(*byte));
            let Some(start) = start else {
                return Ok(0);
            };
            before = start;
            rest = chunk.get(start..).unwrap_or_default();
            *self = match rest.first() {
                Some(b'{' | b'[') => Self::Json(Items::default()),
                _ => Self::Events(SseScanner::new()),
            };
        }
        match self {
            Self::Unknown => Ok(0),
            Self::Events(scanner) => {
                let tail = scanner.feed(rest, |event| {
                    on(event.data, event.start.map(|at| at + before));
                })?;
                Ok(if tail == 0 { 0 } else { tail + before })
            }
            Self::Json(items) => {
                let tail =
                    items.feed(rest, |piece, start| on(piece, start.map(|at| at + before)))?;
                Ok(if tail == 0 { 0 } else { tail + before })
            }
        }
    }

    /// The stream is over: delivers a last piece that lacks its blank line.
    ///
    /// # Errors
    /// Of origin upstream: it is over in the middle of a piece.
    pub(super) fn finish(&mut self, mut on: impl FnMut(&[u8])) -> Result<(), CallError> {
        match self {
            Self::Unknown => {}
            Self::Events(scanner) => scanner.finish(|event| on(event.data)),
            Self::Json(items) if items.is_whole() => {}
            Self::Json(_) => return Err(super::cut_short()),
        }
        Ok(())
    }
}

/// White space, or of a byte order mark.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF)
}

/// The items of a JSON array.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The bytes so far of an item that began in an earlier chunk.
    carry: Vec<u8>,
    /// Open brackets and braces of the item.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The array was opened, and closed again.
    opened: bool,
    closed: bool,
}

impl Items {
    fn feed(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(&[u8], Option<usize>),
    ) -> Result<usize, CallError> {
        let mut start = 0;
        let mut tail = 0;
        for (at, byte) in chunk.iter().enumerate() {
            if self.depth == 0 {
                match byte {
                    b'{' => {
                        self.depth = 1;
                        start = at;
                    }
                    b'[' if !self.opened => self.opened = true,
                    b']' if self.opened => {
                        self.closed = true;
                        tail = at + 1;
                    }
                    b'\r' | b'\n' if self.closed => tail = at + 1,
                    b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
                    _ => return Err(not_json()),
                }
                continue;
            }
            if self.inside(*byte) {
                let piece = chunk.get(start..=at).unwrap_or_default();
                if self.carry.is_empty() {
                    on(piece, Some(start));
                } else {
                    self.carry.extend_from_slice(piece);
                    on(&self.carry, None);
                    self.carry.clear();
                }
                start = at + 1;
                tail = start;
            }
        }
        if self.depth > 0 {
            self.carry
                .extend_from_slice(chunk.get(start..).unwrap_or_default());
            if self.carry.len() > MAX_PIECE_BYTES {
                return Err(CallError::upstream(
                    ErrorKind::Upstream,
                    "The provider sent an event that is too large.",
                ));
            }
        }
        Ok(tail)
    }

    /// Takes a byte of an item; true when it is the last one.
    fn inside(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// No item is half there, and the array is closed if it was opened.
    const fn is_whole(&self) -> bool {
        self.depth == 0 && (self.closed || !self.opened)
    }
}

fn not_json() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's answer is not valid JSON.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, cuts: &[usize]) -> (Vec<String>, bool) {
        let mut source = Source::default();
        let mut found = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([text.len()]) {
            let on = |piece: &[u8], _: Option<usize>| {
                found.push(String::from_utf8_lossy(piece).into_owned());
            };
            if source.feed(&text.as_bytes()[from..to], on).is_err() {
                return (found, false);
            }
            from = to;
        }
        let on = |piece: &[u8]| found.push(String::from_utf8_lossy(piece).into_owned());
        let whole = source.finish(on).is_ok();
        (found, whole)
    }

    #[test]
    fn arrays_objects_and_events_give_their_pieces_wherever_they_are_cut() {
        let want = vec![r#"{"a":"}]\"{"}"#.to_owned(), r#"{"b":[{}]}"#.to_owned()];
        for text in [
            "[{\"a\":\"}]\\\"{\"}\n,\r\n{\"b\":[{}]}]\n",
            "\u{feff} {\"a\":\"}]\\\"{\"}{\"b\":[{}]}",
            "\n\ndata: {\"a\":\"}]\\\"{\"}\r\n\r\ndata: {\"b\":[{}]}",
        ] {
            assert_eq!(pieces(text, &[]), (want.clone(), true), "{text}");
            for cut in 1..text.len() {
                assert_eq!(
                    pieces(text, &[cut]),
                    (want.clone(), true),
                    "{text} at {cut}"
                );
            }
        }
    }

    #[test]
    fn an_array_that_is_not_closed_is_cut_short() {
        assert!(!pieces("[{\"a\":1}", &[]).1);
        assert!(!pieces("[{\"a\":1}, {", &[]).1);
        assert!(!pieces("[1]", &[]).1);
    }
}
