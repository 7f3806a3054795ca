//! Texts that every reader of JSON understands alike.
//!
//! RFC 8259 leaves open what an object with a repeated name means, and names are compared after their escapes are undone
//! (sections 4 and 8.3). A text is *normal* when no object has two members of one name and every name is written without
//! needless escapes. Of members with one name the last one counts, as almost every reader has it; those before it are taken
//! out. What cannot be put right is refused: half of a surrogate pair, which readers replace, keep or refuse, and a null
//! character, at which readers in C end a name.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::cursor::{Cursor, Fault};
use crate::keys::Keys;
use crate::text::Text;
use crate::write::write_text;

/// Names that are looked at together: those of all objects that are open at one time. Bounds the memory.
const MAX_OPEN: usize = 1 << 18;
/// Members that are taken out of one text.
const MAX_REPEATED: usize = 1 << 16;

/// The same as a normal text; `None` where it is normal already. `text` has been checked to be JSON.
///
/// Costs one walk and sorting the names of each object; the text gets no longer.
///
/// # Errors
/// [`Fault`] for names that cannot be put right, and for too many.
pub(crate) fn normal(text: &[u8]) -> Result<Option<Bytes>, Fault> {
    let mut look = CloseLook {
        text,
        names: Vec::new(),
        begins: Vec::new(),
        taken_out: Vec::new(),
        rewrites: false,
    };
    Cursor::new(text).value_with(&mut look)?;
    let CloseLook {
        mut taken_out,
        rewrites,
        ..
    } = look;
    if taken_out.is_empty() && !rewrites {
        return Ok(None);
    }
    // Those of an outer object are found last.
    taken_out.sort_unstable_by_key(|range| range.start);
    let mut rewrite = Rewrite {
        text,
        out: BytesMut::with_capacity(text.len()),
        from: 0,
        taken_out: taken_out.into_iter().peekable(),
    };
    Cursor::new(text).value_with(&mut rewrite)?;
    rewrite.copy_to(text.len());
    Ok(Some(rewrite.out.freeze()))
}

/// Finds what is not normal.
struct CloseLook<'a> {
    text: &'a [u8],
    /// The names of all open objects.
    names: Vec<Name>,
    /// Where those of each open object begin.
    begins: Vec<usize>,
    /// Members with their commas.
    taken_out: Vec<Range<usize>>,
    /// A name is written in another way than it must be.
    rewrites: bool,
}

/// A name, with its quotes.
struct Name {
    at: usize,
    length: usize,
    escaped: bool,
}

impl Name {
    fn read<'a>(&self, text: &'a [u8]) -> Text<'a> {
        let quoted = text.get(self.at..self.at + self.length);
        Text {
            quoted: quoted.unwrap_or_default(),
            at: self.at,
            escaped: self.escaped,
        }
    }
}

impl Keys for CloseLook<'_> {
    fn open(&mut self) {
        self.begins.push(self.names.len());
    }

    fn key(&mut self, key: &Text<'_>) -> Result<(), Fault> {
        if self.names.len() == MAX_OPEN {
            return Err(Fault {
                what: "there are more than 262144 members in one object and those around it",
                offset: key.at,
            });
        }
        if key.escaped {
            let name = decoded(key)?;
            self.rewrites |= minimal(&name) != key.quoted;
        }
        self.names.push(Name {
            at: key.at,
            length: key.quoted.len(),
            escaped: key.escaped,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let begin = self.begins.pop().unwrap_or_default();
        let members = self.names.get(begin..).unwrap_or_default();
        let mut sorted = Vec::with_capacity(members.len());
        for (number, name) in members.iter().enumerate() {
            let key = name.read(self.text);
            let name = if name.escaped {
                Cow::Owned(decoded(&key)?.into_bytes())
            } else {
                Cow::Borrowed(key.plain())
            };
            sorted.push((name, number));
        }
        sorted.sort_unstable();
        let repeated = sorted
            .array_windows()
            .filter(|[(one, _), (next, _)]| one == next);
        for [(_, number), _] in repeated {
            // A later member has the name, so that another one follows.
            let (Some(this), Some(next)) = (members.get(*number), members.get(number + 1)) else {
                continue;
            };
            if self.taken_out.len() == MAX_REPEATED {
                return Err(Fault {
                    what: "more than 65536 keys stand twice in their objects",
                    offset: this.at,
                });
            }
            self.taken_out.push(this.at..next.at);
        }
        self.names.truncate(begin);
        Ok(())
    }
}

/// What a key says.
fn decoded(key: &Text<'_>) -> Result<String, Fault> {
    let fault = |what| Fault {
        what,
        offset: key.at,
    };
    let name = key
        .decode()
        .ok_or_else(|| fault("a key has half of a surrogate pair"))?;
    if name.contains('\0') {
        return Err(fault("a key has a null character"));
    }
    Ok(name.into_owned())
}

/// A name as it is written, with its quotes.
fn minimal(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 8);
    write_text(&mut out, name);
    out
}

/// Copies a text, without some members and with every name as it must be written.
struct Rewrite<'a> {
    text: &'a [u8],
    out: BytesMut,
    /// Up to here the text is copied, or taken out.
    from: usize,
    taken_out: std::iter::Peekable<std::vec::IntoIter<Range<usize>>>,
}

impl Rewrite<'_> {
    fn copy_to(&mut self, until: usize) {
        while let Some(gone) = self.taken_out.next_if(|gone| gone.start < until) {
            self.copy(gone.start);
            // One that stands within another one ends before it.
            self.from = self.from.max(gone.end);
        }
        self.copy(until);
    }

    fn copy(&mut self, until: usize) {
        if let Some(run) = self.text.get(self.from..until) {
            self.out.extend_from_slice(run);
            self.from = until;
        }
    }
}

impl Keys for Rewrite<'_> {
    fn open(&mut self) {}

    fn key(&mut self, key: &Text<'_>) -> Result<(), Fault> {
        if !key.escaped {
            return Ok(());
        }
        self.copy_to(key.at);
        // A key that is taken out is behind what is copied next.
        if self.from <= key.at && !self.starts_gap(key.at) {
            let name = decoded(key)?;
            self.out.extend_from_slice(&minimal(&name));
            self.from = key.at + key.quoted.len();
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Rewrite<'_> {
    /// Whether a member that is taken out begins here.
    fn starts_gap(&mut self, at: usize) -> bool {
        self.taken_out.peek().is_some_and(|gone| gone.start == at)
    }
}
