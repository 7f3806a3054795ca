//! Lines pushed to the right, so that text between brackets or quotes may stand as far to the left as it likes.
//!
//! YAML 1.2 wants such lines indented deeper than the map around them; the reader that MLflow uses does not, and
//! neither do people. Where the parser complains about such a line, it is read again with blanks in front of that
//! line, which mean nothing between brackets and quotes. Columns in messages are those of the text as it was given.

use std::borrow::Cow;
use std::collections::BTreeSet;

use saphyr_parser::{Marker, ScanError};

use super::Place;

/// Blanks in front of a line.
const WIDTH: usize = 80;
/// Lines pushed at most; each costs reading the text again.
const MOST: usize = 64;

/// Which lines are pushed to the right.
#[derive(Debug, Default)]
pub(crate) struct Padding(BTreeSet<usize>);

impl Padding {
    /// The text with its lines pushed.
    pub(crate) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len().saturating_add(WIDTH * self.0.len()));
        let mut line = 1;
        let mut begins = true;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if begins && self.0.contains(&line) {
                out.extend(std::iter::repeat_n(' ', WIDTH));
            }
            out.push(c);
            begins = c == '\n' || (c == '\r' && rest.peek() != Some(&'\n'));
            line += usize::from(begins);
        }
        Cow::Owned(out)
    }

    /// Where a mark stands in the text as it was given.
    pub(crate) fn place(&self, marker: Marker) -> Place {
        let column = if self.0.contains(&marker.line()) {
            marker.col().saturating_sub(WIDTH)
        } else {
            marker.col()
        };
        Place::new(marker.line(), column.saturating_add(1))
    }

    /// Pushes the line that an error is about; false when that cannot help.
    pub(crate) fn widen(&mut self, error: &ScanError, text: &str) -> bool {
        let line = error.marker().line();
        let line = match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => line,
            // The mark is where the quoted text begins; the line that stands too far left is a later one.
            "invalid indentation in quoted scalar" => {
                let mut later = (line..text.lines().count()).map(|line| line.saturating_add(1));
                later.find(|line| !self.0.contains(line)).unwrap_or(line)
            }
            _ => return false,
        };
        self.0.len() < MOST && self.0.insert(line)
    }
}
