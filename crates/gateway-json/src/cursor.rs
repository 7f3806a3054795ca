//! The walk.

use std::fmt;
use std::ops::Range;

use crate::keys::Keys;
use crate::plain::plain;
use crate::text::Text;

/// The deepest nesting below one value, as in `serde_json`.
const MAX_DEPTH: usize = 127;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: &'static str,
    /// The byte offset it was noticed at.
    pub offset: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for Fault {}

/// A position in a text. Every step goes over what it reads, checks it, and leaves the position behind it.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
    /// Whether only ASCII was seen in strings.
    ascii: bool,
    /// The bytes of the longest string so far.
    longest: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`.
    pub const fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            ascii: true,
            longest: 0,
        }
    }

    /// The position, in bytes.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The length of the longest string that was gone over, in bytes, with its quotes.
    pub const fn longest_string(&self) -> usize {
        self.longest
    }

    /// The next byte that is no white space; that white space is gone over.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.here()
    }

    pub(crate) fn here(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.here() {
            self.at += 1;
        }
    }

    /// Something is wrong here. A text that is not Unicode is that before anything else.
    pub(crate) fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        self.fault_at(what, self.at)
    }

    fn fault_at<T>(&self, what: &'static str, offset: usize) -> Result<T, Fault> {
        self.unicode()?;
        Err(Fault { what, offset })
    }

    fn unicode(&self) -> Result<(), Fault> {
        std::str::from_utf8(self.text)
            .map(drop)
            .map_err(|error| Fault {
                what: "the text is not valid UTF-8",
                offset: error.valid_up_to(),
            })
    }

    /// Goes over the end of the text: nothing but white space may be left, and all of it must be Unicode. Until then what
    /// was read is not certain to be.
    ///
    /// # Errors
    /// [`Fault`] otherwise.
    pub fn end(mut self) -> Result<(), Fault> {
        if self.peek().is_some() {
            return self.fault("there is something after the end of the JSON document");
        }
        // Outside of strings everything is ASCII.
        if self.ascii { Ok(()) } else { self.unicode() }
    }

    /// Goes over an object; `member` is called behind the colon of each member and must go over its value.
    ///
    /// # Errors
    /// [`Fault`] where it is no object, and what `member` returns.
    pub fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != Some(b'{') {
            return self.fault("a JSON object is expected");
        }
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let key = self.key()?;
            member(self, key)?;
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

    /// Goes over a list; `item` is called before each item and must go over it.
    ///
    /// # Errors
    /// [`Fault`] where it is no list, and what `item` returns.
    pub fn items(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != Some(b'[') {
            return self.fault("a JSON list is expected");
        }
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                None => return self.fault("the JSON document ends too early"),
                Some(_) => return self.fault("',' or ']' is expected"),
            }
        }
    }

    /// Goes over one value of any kind.
    ///
    /// # Errors
    /// [`Fault`] where it is none.
    pub fn skip(&mut self) -> Result<(), Fault> {
        self.value().map(drop)
    }

    /// Goes over one value of any kind and says where it stands. Not recursive: the open brackets are bits of a stack.
    ///
    /// # Errors
    /// [`Fault`] where it is none, or too deep.
    pub fn value(&mut self) -> Result<Range<usize>, Fault> {
        self.value_with(&mut ())
    }

    /// The same, and shows `keys` every object and key within the value.
    pub(crate) fn value_with(&mut self, keys: &mut impl Keys) -> Result<Range<usize>, Fault> {
        self.space();
        let start = self.at;
        // One bit per open bracket: set for an object.
        let mut open: u128 = 0;
        let mut depth = 0;
        loop {
            match self.here() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    if depth == MAX_DEPTH {
                        return self.fault(
                            "the JSON document is nested too deeply (more than 127 levels)",
                        );
                    }
                    self.at += 1;
                    let is_object = bracket == b'{';
                    // The closing bracket is two code points after the opening one.
                    if self.peek() == Some(bracket + 2) {
                        self.at += 1;
                    } else {
                        open = open << 1 | u128::from(is_object);
                        depth += 1;
                        if is_object {
                            keys.open();
                            keys.key(&self.key()?)?;
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
                    return Ok(start..self.at);
                }
                let in_object = open & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if in_object {
                            keys.key(&self.key()?)?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => {
                        self.at += 1;
                        keys.close()?;
                    }
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

    /// Goes over a key and its colon, up to the value.
    fn key(&mut self) -> Result<Text<'a>, Fault> {
        if self.here() != Some(b'"') {
            return self.fault("a key in double quotes is expected");
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.fault("':' is expected after a key");
        }
        self.at += 1;
        self.space();
        Ok(key)
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

    /// Goes over a value and gives it, if it is a string.
    ///
    /// # Errors
    /// [`Fault`] where it is no value.
    pub fn text(&mut self) -> Result<Option<Text<'a>>, Fault> {
        if self.peek() == Some(b'"') {
            self.string().map(Some)
        } else {
            self.skip().map(|()| None)
        }
    }

    /// A string, from its opening to just after its closing quote.
    fn string(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            let run = plain(self.text.get(self.at..).unwrap_or_default());
            self.at += run.length;
            self.ascii &= run.ascii;
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    self.longest = self.longest.max(self.at - start);
                    let quoted = self.text.get(start..self.at).unwrap_or_default();
                    return Ok(Text {
                        quoted,
                        at: start,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fault("a control character in a string must be escaped"),
                None => return self.fault_at("a string is not closed", start),
            }
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
