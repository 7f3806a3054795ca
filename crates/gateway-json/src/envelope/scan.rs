//! The pass itself.

use std::fmt;

use bytes::Bytes;

use super::{Envelope, Member};
use crate::cursor::{Cursor, Fault};
use crate::keys::{Keys, QuickLook};
use crate::normal;

/// The largest number of members of the top object; each costs 32 bytes. An object within another one has no more either, so
/// that a part of a text that was read can be scanned.
const MAX_MEMBERS: usize = 1 << 18;

/// Why a text is not the JSON object it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// What is wrong.
    pub what: &'static str,
    /// The byte offset it was noticed at.
    pub offset: usize,
    /// The line of it, from 1.
    pub line: usize,
    /// The column of it in characters, from 1.
    pub column: usize,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at line {} column {} (byte {})",
            self.what, self.line, self.column, self.offset
        )
    }
}

impl std::error::Error for ScanError {}

/// The envelope, and whether the keys need a closer look.
pub(super) fn scan(text: &[u8]) -> Result<(Envelope, bool), ScanError> {
    object(text).map_err(|fault| located(text, of_body(text, fault)))
}

/// `text`, which has been scanned, with plain and unique keys; `None` where it has them already.
pub(super) fn normal(text: &[u8]) -> Result<Option<Bytes>, ScanError> {
    normal::normal(text).map_err(|fault| located(text, fault))
}

pub(super) const fn not_normal() -> ScanError {
    ScanError {
        what: "a key stands twice, or has needless escapes",
        offset: 0,
        line: 1,
        column: 1,
    }
}

fn located(text: &[u8], Fault { what, offset }: Fault) -> ScanError {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.iter().rposition(|byte| *byte == b'\n');
    let line_text = before.get(line_start.map_or(0, |at| at + 1)..);
    ScanError {
        what,
        offset,
        line: before.split(|byte| *byte == b'\n').count(),
        column: String::from_utf8_lossy(line_text.unwrap_or_default())
            .chars()
            .count()
            + 1,
    }
}

/// The whole text: one object with white space around it.
fn object(text: &[u8]) -> Result<(Envelope, bool), Fault> {
    let mut cursor = Cursor::new(text);
    let mut keys = QuickLook::new();
    cursor.peek();
    let mut envelope = Envelope {
        open: cursor.offset() + 1,
        members: Vec::with_capacity(12),
        longest: 0,
    };
    keys.open();
    cursor.members(|cursor, key| {
        if envelope.members.len() == MAX_MEMBERS {
            return Err(Fault {
                what: "the object has more than 262144 members",
                offset: key.range().start,
            });
        }
        keys.key(&key)?;
        let value = cursor.value_with(&mut keys)?;
        envelope.members.push(Member {
            key: key.range(),
            value,
        });
        Ok(())
    })?;
    envelope.longest = cursor.longest_string();
    cursor.end()?;
    Ok((envelope, keys.is_doubtful()))
}

/// The same in words about a body.
fn of_body(text: &[u8], fault: Fault) -> Fault {
    let (what, offset) = match fault.what {
        "the text is not valid UTF-8" => ("the body is not valid UTF-8", fault.offset),
        "a JSON object is expected" if text.starts_with(b"\xEF\xBB\xBF") => (
            "the body begins with a byte order mark, which JSON must not",
            0,
        ),
        "a JSON object is expected" => {
            let mut cursor = Cursor::new(text);
            let is_empty = cursor.peek().is_none();
            match cursor.skip().and_then(|()| cursor.end()) {
                _ if is_empty => ("the body is empty; a JSON object is expected", fault.offset),
                Ok(()) => ("the body must be a JSON object", 0),
                Err(other) if other.offset > fault.offset => (other.what, other.offset),
                Err(_) => (fault.what, fault.offset),
            }
        }
        what => (what, fault.offset),
    };
    Fault { what, offset }
}
