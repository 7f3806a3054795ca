//! The scanner: one pass, line by line, borrowing from the chunk where it can.

use std::fmt;

use gateway_schema::{CallError, ErrorKind};
use memchr::memchr2;

/// The largest event that is kept while it is incomplete.
const MAX_EVENT_BYTES: usize = 32 * 1024 * 1024;

/// One event with at least one `data` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The value of its `event` line.
    pub name: Option<&'a str>,
    /// The value of its `id` line.
    pub id: Option<&'a str>,
    /// The data; several lines are joined by `\n`.
    pub data: &'a [u8],
    /// Where it begins in the chunk just fed; `None` when it began in an earlier one.
    pub start: Option<usize>,
    /// Where the next event begins in the chunk just fed: one past the blank line.
    pub end: usize,
}

/// An event grew over the bound before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseOverflow {
    /// The bound.
    pub limit_bytes: usize,
}

impl fmt::Display for SseOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an event of the stream is larger than {} bytes",
            self.limit_bytes
        )
    }
}

impl std::error::Error for SseOverflow {}

impl From<SseOverflow> for CallError {
    fn from(error: SseOverflow) -> Self {
        Self::upstream(
            ErrorKind::Upstream,
            "The provider sent an event that is too large.",
        )
        .with_detail(error.to_string())
    }
}

/// A stretch of the bytes of the current event: from, to.
type Span = (usize, usize);

/// What is known of the event being read. Spans count from its first byte.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    name: Option<Span>,
    id: Option<Span>,
    data: Option<Span>,
    /// Several `data` lines were met; they stand in `SseScanner::joined`.
    many: bool,
    line_start: usize,
}

/// Finds events in a stream of bytes cut anywhere. One per stream.
#[derive(Debug, Clone)]
pub struct SseScanner {
    /// The bytes so far of an event that began in an earlier chunk.
    carry: Vec<u8>,
    joined: Vec<u8>,
    pending: Pending,
    limit: usize,
    /// The chunk before ended in CR: a LF at the start of the next one belongs to it.
    skip_lf: bool,
    first_line: bool,
}

impl Default for SseScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl SseScanner {
    /// A scanner at the start of a stream.
    pub const fn new() -> Self {
        Self {
            carry: Vec::new(),
            joined: Vec::new(),
            pending: Pending {
                name: None,
                id: None,
                data: None,
                many: false,
                line_start: 0,
            },
            limit: MAX_EVENT_BYTES,
            skip_lf: false,
            first_line: true,
        }
    }

    /// Bounds what is kept of an incomplete event.
    pub const fn with_limit(mut self, limit_bytes: usize) -> Self {
        self.limit = limit_bytes;
        self
    }

    /// Takes the next bytes and calls `on` for every event they complete. Returns where the first incomplete event
    /// begins in `chunk`: everything before is whole events and comments (0 when none was completed, the length of
    /// the chunk when nothing is left over).
    ///
    /// # Errors
    /// [`SseOverflow`] when an incomplete event is over the bound. Nothing useful can follow.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(SseEvent<'_>),
    ) -> Result<usize, SseOverflow> {
        let mut at = 0;
        if self.skip_lf && !chunk.is_empty() {
            self.skip_lf = false;
            if chunk.first() == Some(&b'\n') {
                at = 1;
            }
        }
        if !self.carry.is_empty() {
            match self.feed_carried(chunk, at, &mut on)? {
                Some(end) => at = end,
                None => return Ok(0),
            }
        }
        let mut start = at;
        while let Some((line_end, next)) = self.line(chunk, at) {
            if line_end == at {
                if let Some(bytes) = chunk.get(start..) {
                    self.dispatch(bytes, Some(start), next, &mut on);
                }
                start = next;
            } else if let Some(bytes) = chunk.get(start..line_end) {
                self.pending.line_start = at - start;
                take_line(
                    &mut self.pending,
                    &mut self.joined,
                    &mut self.first_line,
                    bytes,
                );
            }
            at = next;
        }
        if let Some(rest) = chunk.get(start..)
            && !rest.is_empty()
        {
            self.pending.line_start = at - start;
            self.carry.extend_from_slice(rest);
            self.check()?;
        }
        Ok(start)
    }

    /// As [`feed`](Self::feed), up to the first event that `on` refuses.
    ///
    /// # Errors
    /// The refusal, or that of an event that is too large.
    pub(crate) fn try_feed(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(SseEvent<'_>) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let mut result = Ok(());
        let scanned = self.feed(chunk, |event| {
            if result.is_ok() {
                result = on(event);
            }
        });
        result?;
        scanned?;
        Ok(())
    }

    /// The stream is over: delivers a last event that lacks its blank line. Its `end` is 0, for there is no chunk.
    pub fn finish(&mut self, mut on: impl FnMut(SseEvent<'_>)) {
        let carry = std::mem::take(&mut self.carry);
        if carry.len() > self.pending.line_start {
            take_line(
                &mut self.pending,
                &mut self.joined,
                &mut self.first_line,
                &carry,
            );
        }
        self.dispatch(&carry, None, 0, &mut on);
    }

    /// True when bytes of an incomplete event (or comment) are held.
    pub fn is_mid_event(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Completes the event in `carry`. Returns the offset after it, or `None` when it is still incomplete.
    fn feed_carried(
        &mut self,
        chunk: &[u8],
        mut at: usize,
        on: &mut impl FnMut(SseEvent<'_>),
    ) -> Result<Option<usize>, SseOverflow> {
        while let Some((line_end, next)) = self.line(chunk, at) {
            self.carry
                .extend_from_slice(chunk.get(at..line_end).unwrap_or_default());
            at = next;
            if self.carry.len() == self.pending.line_start {
                let carry = std::mem::take(&mut self.carry);
                self.dispatch(&carry, None, next, on);
                // The buffer is kept for the next event that is cut, unless it is large.
                if carry.capacity() <= 64 * 1024 {
                    self.carry = carry;
                    self.carry.clear();
                }
                return Ok(Some(next));
            }
            take_line(
                &mut self.pending,
                &mut self.joined,
                &mut self.first_line,
                &self.carry,
            );
            self.pending.line_start = self.carry.len();
            self.check()?;
        }
        self.carry
            .extend_from_slice(chunk.get(at..).unwrap_or_default());
        self.check()?;
        Ok(None)
    }

    /// The end of the line that begins at `at`, and the start of the next one.
    fn line(&mut self, chunk: &[u8], at: usize) -> Option<(usize, usize)> {
        let end = at + memchr2(b'\n', b'\r', chunk.get(at..)?)?;
        let mut next = end + 1;
        if chunk.get(end) == Some(&b'\r') {
            match chunk.get(next) {
                Some(b'\n') => next += 1,
                Some(_) => {}
                None => self.skip_lf = true,
            }
        }
        Some((end, next))
    }

    fn dispatch(
        &mut self,
        bytes: &[u8],
        start: Option<usize>,
        end: usize,
        on: &mut impl FnMut(SseEvent<'_>),
    ) {
        let pending = std::mem::take(&mut self.pending);
        self.first_line = false;
        let Some(data) = pending.data else { return };
        let text = |span: Option<Span>| {
            let (from, to) = span?;
            std::str::from_utf8(bytes.get(from..to)?).ok()
        };
        let data = if pending.many {
            self.joined.as_slice()
        } else {
            bytes.get(data.0..data.1).unwrap_or_default()
        };
        on(SseEvent {
            name: text(pending.name),
            id: text(pending.id),
            data,
            start,
            end,
        });
        if pending.many {
            self.joined.clear();
        }
    }

    fn check(&self) -> Result<(), SseOverflow> {
        if self.carry.len() > self.limit {
            return Err(SseOverflow {
                limit_bytes: self.limit,
            });
        }
        Ok(())
    }
}

/// Reads the line from `pending.line_start` to the end of `bytes`, which begin with the event.
fn take_line(pending: &mut Pending, joined: &mut Vec<u8>, first_line: &mut bool, bytes: &[u8]) {
    let end = bytes.len();
    let mut from = pending.line_start;
    let mut line = bytes.get(from..).unwrap_or_default();
    if std::mem::take(first_line)
        && let Some(rest) = line.strip_prefix(b"\xEF\xBB\xBF")
    {
        line = rest;
        from += 3;
    }
    let value = |name: &[u8]| -> Option<Span> {
        match line.strip_prefix(name)? {
            [] => Some((end, end)),
            [b':', b' ', ..] => Some((from + name.len() + 2, end)),
            [b':', ..] => Some((from + name.len() + 1, end)),
            _ => None,
        }
    };
    if let Some(span) = value(b"data") {
        match pending.data {
            None => pending.data = Some(span),
            Some(first) => {
                if !pending.many {
                    pending.many = true;
                    joined.clear();
                    joined.extend_from_slice(bytes.get(first.0..first.1).unwrap_or_default());
                }
                joined.push(b'\n');
                joined.extend_from_slice(bytes.get(span.0..span.1).unwrap_or_default());
            }
        }
    } else if let Some(span) = value(b"event") {
        pending.name = Some(span);
    } else if let Some(span) = value(b"id") {
        pending.id = Some(span);
    }
}
