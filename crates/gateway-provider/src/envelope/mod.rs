//! The outermost level of a JSON body: enough to route it and to rewrite single values, without a tree.
//!
//! One pass checks the whole text against the JSON grammar (so that nothing malformed travels on) and remembers where
//! the members of the top object stand. Nothing is copied; strings are skipped in blocks.

mod scan;
mod splice;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

pub use scan::ScanError;
pub use splice::{Edit, splice};

/// One member of the top object: where its key (without quotes) and its value stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key, without its quotes.
    pub key: Range<usize>,
    /// The value, with its quotes or brackets.
    pub value: Range<usize>,
}

/// The outermost level of a JSON object.
///
/// Positions are byte offsets into the text it was scanned from; every method takes that same text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Just after the opening brace.
    open: usize,
    members: Vec<Member>,
    longest: usize,
}

impl Envelope {
    /// Checks `text` and finds its top-level members.
    ///
    /// # Errors
    /// [`ScanError`] with the position: not UTF-8, not JSON, nested too deeply, or not an object.
    pub fn scan(text: &[u8]) -> Result<Self, ScanError> {
        scan::scan(text)
    }

    /// Just after the opening brace: where new members may be inserted.
    pub const fn open(&self) -> usize {
        self.open
    }

    /// The length of the longest string in the whole text, in bytes, with its quotes.
    pub const fn longest_string(&self) -> usize {
        self.longest
    }

    /// The members, in order. A key may stand more than once.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Where the members stand, key and value each: what dialects, which do not know this type, take.
    pub fn places(&self) -> Vec<(Range<usize>, Range<usize>)> {
        self.members
            .iter()
            .map(|member| (member.key.clone(), member.value.clone()))
            .collect()
    }

    /// Adds to `edits` the insertion of a member in front of all others, after those inserted before it.
    pub fn insert(&self, key: &str, value: &[u8], edits: &mut Vec<Edit>) {
        let mut text = Vec::with_capacity(key.len() + value.len() + 4);
        let alone = self.members.is_empty();
        if alone && !edits.is_empty() {
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(key.as_bytes());
        text.extend_from_slice(b"\":");
        text.extend_from_slice(value);
        if !alone {
            text.push(b',');
        }
        edits.push(Edit::new(self.open..self.open, text));
    }

    /// The value of `key`, as JSON text; the last one if the key stands more than once, as most parsers have it.
    pub fn get<'a>(&self, text: &'a [u8], key: &str) -> Option<&'a [u8]> {
        self.find(text, key)
            .and_then(|member| text.get(member.value.clone()))
    }

    /// The member `key`; the last one if it stands more than once.
    pub fn find(&self, text: &[u8], key: &str) -> Option<&Member> {
        self.members
            .iter()
            .rev()
            .find(|member| text.get(member.key.clone()) == Some(key.as_bytes()))
    }

    /// The value of `key`, if it is a string.
    pub fn string<'a>(&self, text: &'a [u8], key: &str) -> Option<Cow<'a, str>> {
        let value = self.get(text, key)?;
        let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if inner.contains(&b'\\') {
            serde_json::from_slice(value).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(inner).ok().map(Cow::Borrowed)
        }
    }

    /// The value of `key`, if it is true or false.
    pub fn bool(&self, text: &[u8], key: &str) -> Option<bool> {
        match self.get(text, key)? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The value of `key`, if it is a whole number.
    pub fn integer(&self, text: &[u8], key: &str) -> Option<u64> {
        std::str::from_utf8(self.get(text, key)?).ok()?.parse().ok()
    }
}
