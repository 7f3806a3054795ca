//! What a string says.

use std::borrow::Cow;
use std::ops::Range;

/// A string of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// With its quotes.
    pub(crate) quoted: &'a [u8],
    /// Where its opening quote stands.
    pub(crate) at: usize,
    pub(crate) escaped: bool,
}

impl<'a> Text<'a> {
    /// With its quotes, as it stands there.
    pub const fn quoted(&self) -> &'a [u8] {
        self.quoted
    }

    /// Where it stands, without its quotes.
    pub const fn range(&self) -> Range<usize> {
        self.at + 1..self.at + self.quoted.len() - 1
    }

    /// Without its quotes, as it stands there: what it says, unless it has escapes. Good for comparing with names, which
    /// nobody escapes.
    pub fn plain(&self) -> &'a [u8] {
        let end = self.quoted.len().saturating_sub(1);
        self.quoted.get(1..end).unwrap_or_default()
    }

    /// What it says; `None` where that is not Unicode.
    pub fn decode(&self) -> Option<Cow<'a, str>> {
        if self.escaped {
            serde_json::from_slice(self.quoted).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(self.plain()).ok().map(Cow::Borrowed)
        }
    }
}
