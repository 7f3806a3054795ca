//! The outermost level of a JSON body: enough to route it and to rewrite single values, without a tree.
//!
//! One pass checks the whole text against the JSON grammar (so that nothing malformed travels on) and remembers where
//! the members of the top object stand. Nothing is copied; strings are skipped in blocks.
//!
//! An envelope exists only for texts that every reader of JSON understands alike: in no object a name stands twice, and no
//! name is spelt with needless escapes. So a member that is found here is the one that a provider finds, and what is not
//! found here no provider finds. [`Envelope::read`] makes such a text of any other.

mod scan;
mod splice;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

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
    /// Checks `text`, makes every key plain and unique in all of its objects, and finds the top-level members.
    ///
    /// Shape: the text that is returned is `text` itself, uncopied, where nothing had to be changed. Otherwise keys are
    /// written without needless escapes, and of members with one name the last one is kept; everything else stays as it is
    /// written. It is never longer. Whatever is sent on must be made of the text that is returned.
    ///
    /// # Errors
    /// [`ScanError`] with the position: not UTF-8, not JSON, nested too deeply, not an object, or a key that readers take
    /// for different things (half of a surrogate pair, a null character).
    pub fn read(text: Bytes) -> Result<(Bytes, Self), ScanError> {
        let (envelope, is_doubtful) = scan::scan(&text)?;
        if !is_doubtful {
            return Ok((text, envelope));
        }
        match scan::normal(&text)? {
            None => Ok((text, envelope)),
            Some(text) => {
                let (envelope, _) = scan::scan(&text)?;
                Ok((text, envelope))
            }
        }
    }

    /// Checks `text`, whose keys must be plain and unique, and finds its top-level members: for texts that
    /// [`read`](Self::read) returned, for parts of them, and for what the gateway wrote itself.
    ///
    /// # Errors
    /// [`ScanError`] as for [`read`](Self::read), and where a key stands twice or has needless escapes.
    pub fn scan(text: &[u8]) -> Result<Self, ScanError> {
        let (envelope, is_doubtful) = scan::scan(text)?;
        if is_doubtful && scan::normal(text)?.is_some() {
            return Err(scan::not_normal());
        }
        Ok(envelope)
    }

    /// Just after the opening brace: where new members may be inserted.
    pub const fn open(&self) -> usize {
        self.open
    }

    /// The length of the longest string in the whole text, in bytes, with its quotes.
    pub const fn longest_string(&self) -> usize {
        self.longest
    }

    /// The members, in order. No key stands twice.
    pub fn members(&self) -> &[Member] {
        &self.members
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

    /// The value of `key`, as JSON text.
    pub fn get<'a>(&self, text: &'a [u8], key: &str) -> Option<&'a [u8]> {
        self.find(text, key)
            .and_then(|member| text.get(member.value.clone()))
    }

    /// The member `key`.
    pub fn find(&self, text: &[u8], key: &str) -> Option<&Member> {
        self.members
            .iter()
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

    /// The value of `key`, if it is a whole number from 0 on, however it is written: `12`, `12.0` and `1.2e1` are one
    /// number. What is larger than a `u64` is `u64::MAX`.
    pub fn integer(&self, text: &[u8], key: &str) -> Option<u64> {
        integer(self.get(text, key)?)
    }

    /// A member whose key differs from one of `names` in the case of its letters alone. Readers that compare names without
    /// their case (Go's `encoding/json`) take it for the member of that name.
    pub fn misspelt<'a, 'n>(
        &self,
        text: &'a [u8],
        names: &[&'n str],
    ) -> Option<(&'a str, &'n str)> {
        self.members.iter().find_map(|member| {
            let key = text.get(member.key.clone())?;
            let is_lower = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
            if key.iter().all(is_lower) {
                // It could differ only from a name with capitals, and those have no readers that ignore the case.
                return None;
            }
            let key = std::str::from_utf8(key).ok()?;
            if names.contains(&key) {
                return None;
            }
            let name = names.iter().find(|name| folds_alike(key, name))?;
            Some((key, *name))
        })
    }
}

/// Whether two names are the same but for case, as Unicode's simple folding has it for a name in ASCII: the long s and the
/// sign of the unit kelvin are letters there.
fn folds_alike(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.len() >= name.len()
        && key
            .chars()
            .map(fold)
            .eq(name.chars().map(|letter| letter.to_ascii_lowercase()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and not negative; too large a number is the largest"
)]
fn integer(number: &[u8]) -> Option<u64> {
    if !matches!(number.first()?, b'0'..=b'9' | b'-') {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?;
    number.parse().ok().or_else(|| {
        let number: f64 = number.parse().ok()?;
        (number >= 0.0 && number.fract() == 0.0 || number == f64::INFINITY).then_some(number as u64)
    })
}
