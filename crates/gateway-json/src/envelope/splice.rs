//! Rewriting single values of a JSON text.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Replaces a range of a text; an empty range inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub at: Range<usize>,
    /// What stands there instead.
    pub with: Bytes,
}

impl Edit {
    /// Replaces `at` by `with`.
    pub fn new(at: Range<usize>, with: impl Into<Bytes>) -> Self {
        Self {
            at,
            with: with.into(),
        }
    }
}

/// Applies `edits`, given in ascending order without overlap, in one buffer of the right size. Without edits the text
/// itself is returned, uncopied. Edits out of order or out of range are ignored.
pub fn splice(text: &Bytes, edits: &[Edit]) -> Bytes {
    if edits.is_empty() {
        return text.clone();
    }
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = BytesMut::with_capacity(text.len() + added);
    let mut from = 0;
    for edit in edits {
        let Some(before) = text.get(from..edit.at.start) else {
            continue;
        };
        if edit.at.end < edit.at.start || edit.at.end > text.len() {
            continue;
        }
        out.extend_from_slice(before);
        out.extend_from_slice(&edit.with);
        from = edit.at.end;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out.freeze()
}
