//! Bytes in, messages out.

use std::fmt;

use gateway_schema::{CallError, ErrorKind};

use super::message::Message;
use super::{PRELUDE, TRAILER};

/// The longest message that AWS sends.
const MAX_MESSAGE: usize = 24 * 1024 * 1024;
/// The longest headers that AWS sends.
const MAX_HEADERS: usize = 128 * 1024;

/// What is wrong with the bytes. Nothing after it can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventStreamFault {
    /// A checksum is wrong: damaged, or no event stream at all.
    Checksum,
    /// A length is impossible, or beyond the bound.
    Length,
    /// The headers cannot be read.
    Headers,
}

impl fmt::Display for EventStreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "a checksum is wrong",
            Self::Length => "a length is impossible",
            Self::Headers => "the headers of a message cannot be read",
        })
    }
}

impl std::error::Error for EventStreamFault {}

impl From<EventStreamFault> for CallError {
    fn from(fault: EventStreamFault) -> Self {
        Self::upstream(
            ErrorKind::Upstream,
            "The provider's event stream cannot be read.",
        )
        .with_detail(fault.to_string())
    }
}

/// Finds the messages of a stream that comes in pieces. One per stream.
#[derive(Debug, Clone)]
pub struct EventStreamScanner {
    /// The beginning of a message that is not there yet as a whole.
    kept: Vec<u8>,
    limit: usize,
    broken: Option<EventStreamFault>,
}

impl Default for EventStreamScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStreamScanner {
    /// A scanner at the start of a stream.
    pub const fn new() -> Self {
        Self::with_limit(MAX_MESSAGE)
    }

    /// Refuses messages longer than `limit` bytes.
    pub const fn with_limit(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            broken: None,
        }
    }

    /// Takes the next bytes and hands on the messages that they complete.
    ///
    /// # Errors
    /// [`EventStreamFault`]; it stays broken.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut on_message: impl FnMut(Message<'_>),
    ) -> Result<(), EventStreamFault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        let outcome = self.scan(chunk, &mut on_message);
        if let Err(fault) = outcome {
            self.broken = Some(fault);
            self.kept = Vec::new();
        }
        outcome
    }

    /// True when nothing of a message is outstanding: a stream may end here.
    pub const fn is_between_messages(&self) -> bool {
        self.kept.is_empty() && self.broken.is_none()
    }

    /// How many bytes of the next message are there already.
    pub const fn pending(&self) -> usize {
        self.kept.len()
    }

    fn scan(
        &mut self,
        mut chunk: &[u8],
        on_message: &mut impl FnMut(Message<'_>),
    ) -> Result<(), EventStreamFault> {
        // First what is needed to complete the message that was cut.
        while !self.kept.is_empty() && !chunk.is_empty() {
            let wanted = wanted(&self.kept, self.limit)?;
            let missing = wanted.saturating_sub(self.kept.len()).min(chunk.len());
            let (now, later) = chunk.split_at(missing);
            self.kept.extend_from_slice(now);
            chunk = later;
            if self.kept.len() >= PRELUDE && self.kept.len() == wanted_len(&self.kept, self.limit)?
            {
                on_message(read(&self.kept)?);
                self.kept.clear();
            }
        }
        while !chunk.is_empty() {
            let wanted = wanted(chunk, self.limit)?;
            let Some((whole, rest)) = chunk.split_at_checked(wanted) else {
                self.kept.extend_from_slice(chunk);
                return Ok(());
            };
            on_message(read(whole)?);
            chunk = rest;
        }
        Ok(())
    }
}

/// How many bytes must be there to go on: the prelude, or the whole message once that is known.
fn wanted(bytes: &[u8], limit: usize) -> Result<usize, EventStreamFault> {
    if bytes.len() < PRELUDE {
        return Ok(PRELUDE);
    }
    wanted_len(bytes, limit)
}

/// The length of the message, as its prelude says.
fn wanted_len(bytes: &[u8], limit: usize) -> Result<usize, EventStreamFault> {
    let (prelude, _) = bytes
        .split_first_chunk::<PRELUDE>()
        .ok_or(EventStreamFault::Length)?;
    let [lengths @ .., _, _, _, _] = prelude;
    if crc32fast::hash(lengths) != number(bytes, 8)? {
        return Err(EventStreamFault::Checksum);
    }
    let total = length(bytes, 0)?;
    let headers = length(bytes, 4)?;
    let least = headers.saturating_add(PRELUDE + TRAILER);
    if total > limit || headers > MAX_HEADERS || total < least {
        return Err(EventStreamFault::Length);
    }
    Ok(total)
}

/// Reads a whole message.
fn read(bytes: &[u8]) -> Result<Message<'_>, EventStreamFault> {
    let headers = length(bytes, 4)?;
    let end = bytes.len().saturating_sub(TRAILER);
    let body = bytes.get(..end).ok_or(EventStreamFault::Length)?;
    if crc32fast::hash(body) != number(bytes, end)? {
        return Err(EventStreamFault::Checksum);
    }
    let (headers, payload) = body
        .get(PRELUDE..)
        .and_then(|rest| rest.split_at_checked(headers))
        .ok_or(EventStreamFault::Length)?;
    Message::read(headers, payload).ok_or(EventStreamFault::Headers)
}

fn number(bytes: &[u8], at: usize) -> Result<u32, EventStreamFault> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map(|four| u32::from_be_bytes(*four))
        .ok_or(EventStreamFault::Length)
}

fn length(bytes: &[u8], at: usize) -> Result<usize, EventStreamFault> {
    usize::try_from(number(bytes, at)?).map_err(|_| EventStreamFault::Length)
}
