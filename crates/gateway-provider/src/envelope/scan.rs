//! The pass itself.

use std::fmt;

use gateway_json::{Cursor, Fault};

use super::{Envelope, Member};

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

pub(super) fn scan(text: &[u8]) -> Result<Envelope, ScanError> {
    object(text).map_err(|fault| {
        let Fault { what, offset } = of_body(text, fault);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line_text = before.get(line_start..).unwrap_or_default();
        ScanError {
            what,
            offset,
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: String::from_utf8_lossy(line_text).chars().count() + 1,
        }
    })
}

/// The whole text: one object with white space around it.
fn object(text: &[u8]) -> Result<Envelope, Fault> {
    let mut cursor = Cursor::new(text);
    cursor.peek();
    let mut envelope = Envelope {
        open: cursor.offset() + 1,
        members: Vec::with_capacity(12),
        longest: 0,
    };
    cursor.members(|cursor, key| {
        let value = cursor.value()?;
        envelope.members.push(Member {
            key: key.range(),
            value,
        });
        Ok(())
    })?;
    envelope.longest = cursor.longest_string();
    cursor.end()?;
    Ok(envelope)
}

/// The same in words about a body.
fn of_body(text: &[u8], fault: Fault) -> Fault {
    let (what, offset) = match fault.what {
        "the text is not valid UTF-8" => ("the body is not valid UTF-8", fault.offset),
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
