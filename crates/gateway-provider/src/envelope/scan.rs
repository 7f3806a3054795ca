//! The pass itself.

use std::fmt;

use super::{Envelope, Member};

/// The deepest nesting that is accepted, as in serde_json.
const MAX_DEPTH: usize = 128;
/// Bytes of a string that are looked at together.
const BLOCK: usize = 32;

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

/// A fault, before its line is known.
type Fault = (&'static str, usize);

pub(super) fn scan(text: &[u8]) -> Result<Envelope, ScanError> {
    let outcome = match std::str::from_utf8(text) {
        Ok(_) => Scanner { text, at: 0 }.object(),
        Err(error) => Err(("the body is not valid UTF-8", error.valid_up_to())),
    };
    outcome.map_err(|(what, offset)| {
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

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err((what, self.at))
    }

    /// The whole text: one object with white space around it.
    fn object(&mut self) -> Result<Envelope, Fault> {
        self.space();
        match self.peek() {
            Some(b'{') => {}
            None => return self.fault("the body is empty; a JSON object is expected"),
            Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                self.value()?;
                self.space();
                return match self.peek() {
                    None => Err(("the body must be a JSON object", 0)),
                    Some(_) => self.fault("there is something after the end of the JSON document"),
                };
            }
            Some(_) => return self.fault("a JSON object is expected"),
        }
        self.at += 1;
        let mut envelope = Envelope {
            open: self.at,
            members: Vec::with_capacity(12),
        };
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            self.members(&mut envelope)?;
        }
        self.space();
        match self.peek() {
            None => Ok(envelope),
            Some(_) => self.fault("there is something after the end of the JSON document"),
        }
    }

    fn members(&mut self, envelope: &mut Envelope) -> Result<(), Fault> {
        loop {
            self.space();
            let key_start = self.at + 1;
            if self.peek() != Some(b'"') {
                return self.fault("a key in double quotes is expected");
            }
            self.string()?;
            let key = key_start..self.at - 1;
            self.colon()?;
            let value_start = self.at;
            self.value()?;
            envelope.members.push(Member {
                key,
                value: value_start..self.at,
            });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                None => return self.fault("the JSON document ends too early"),
                Some(_) => return self.fault("',' or '}' is expected"),
            }
        }
    }

    fn colon(&mut self) -> Result<(), Fault> {
        self.space();
        if self.peek() != Some(b':') {
            return self.fault("':' is expected after a key");
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// One value of any kind, nested ones included. Not recursive: the open brackets are bits of a stack.
    fn value(&mut self) -> Result<(), Fault> {
        // One bit per open bracket: set for an object.
        let mut open: u128 = 0;
        let mut depth = 0;
        loop {
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(bracket @ (b'{' | b'[')) => {
                    if depth == MAX_DEPTH - 1 {
                        return self.fault(
                            "the JSON document is nested too deeply (more than 127 levels)",
                        );
                    }
                    self.at += 1;
                    self.space();
                    let is_object = bracket == b'{';
                    if self.peek() == Some(bracket + 2) {
                        // `{}` or `[]`: the closing bracket is two code points after the opening one.
                        self.at += 1;
                    } else {
                        open = open << 1 | u128::from(is_object);
                        depth += 1;
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                None => return self.fault("the JSON document ends too early"),
                Some(_) => return self.fault("a JSON value is expected"),
            }
            // A value is complete: close what it closes.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let in_object = open & 1 == 1;
                self.space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => self.at += 1,
                    Some(b']') if !in_object => self.at += 1,
                    None => return self.fault("the JSON document ends too early"),
                    Some(_) if in_object => return self.fault("',' or '}' is expected"),
                    Some(_) => return self.fault("',' or ']' is expected"),
                }
                open >>= 1;
                depth -= 1;
            }
        }
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("a key in double quotes is expected");
        }
        self.string()?;
        self.colon()
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) == Some(word) {
            self.at = end;
            Ok(())
        } else {
            self.fault("a JSON value is expected")
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.fault("a digit is expected")
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return self.fault("a number must not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// A string, from its opening to just after its closing quote.
    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let found = memchr::memchr2(b'"', b'\\', rest);
            let plain = found.and_then(|at| rest.get(..at)).unwrap_or(rest);
            if let Some(at) = control(plain) {
                self.at += at;
                return self.fault("a control character in a string must be escaped");
            }
            let Some(found) = found else {
                self.at = self.text.len();
                return Err(("a string is not closed", start));
            };
            self.at += found;
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.text.get(self.at + 2..self.at + 6) {
                Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => {
                    self.at += 6;
                    Ok(())
                }
                _ => self.fault("four hexadecimal digits are expected after \\u"),
            },
            _ => self.fault("an unknown escape in a string"),
        }
    }
}

/// Where the first control character stands. The fold has no branch, so that the compiler makes vector instructions of it.
fn control(text: &[u8]) -> Option<usize> {
    let any = text.chunks(BLOCK).any(|block| {
        let seen = block
            .iter()
            .fold(0_u8, |seen, byte| seen | u8::from(*byte < 0x20));
        seen != 0
    });
    if any {
        text.iter().position(|byte| *byte < 0x20)
    } else {
        None
    }
}
