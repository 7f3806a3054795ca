//! A JSON question written so that its spelling makes no difference.
//!
//! White space, the order of members, escapes in texts, `1` and `1.0` are levelled; so is what [the identity of a
//! request](gateway_schema::Request::identity) leaves out: whether the answer is streamed, and hints about a provider's
//! own cache. A message whose content is one part of text is one whose content is that text. Everything else counts, the
//! first of two members of one name as well as the last. It is finer than the identity, which knows a dialect's words of
//! equal meaning, and needs no tree: one pass over the text, strings copied as they are.

use std::ops::Range;

use gateway_json::{Member, plain};

/// A hint to a provider's cache.
const HINT: &[u8] = b"\"cache_control\"";

/// Members of objects deeper than this stay in their order: each level copies what is below it.
const MAX_SORTED: usize = 32;

/// Where a value stands. What stands in no place that is known is a caller's own data, of which everything counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The body itself.
    Body,
    /// Its member `messages`.
    Messages,
    /// An item of that.
    Message,
    /// The content of a message, or instructions to the model.
    Content,
    /// A list of parts or tools.
    List,
    /// An item of such a list.
    Item,
    Data,
}

/// Appends the question in `text`, which is JSON whose members stand where `members` say, to `out`. Equal bytes mean
/// equal questions.
pub(super) fn write(text: &[u8], members: &[Member], out: &mut Vec<u8>) {
    let mut walk = Walk::new(text, 1);
    // The key of a member, with its quotes.
    let quoted = |member: &Member| {
        let quoted = text.get(member.key.start.saturating_sub(1)..member.key.end + 1);
        quoted.unwrap_or_default()
    };
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by(|one, other| quoted(one).cmp(quoted(other)));
    out.push(b'{');
    for member in members {
        let name = quoted(member);
        if !is_ignored(Place::Body, name) {
            walk.at = member.key.start.saturating_sub(1);
            walk.text(out);
            walk.at = member.value.start;
            walk.value(below(Place::Body, name), out);
        }
    }
    out.push(b'}');
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// How many objects are open.
    depth: usize,
}

/// A member of an object that was written: its key, with its quotes, and where it is.
type Written<'a> = (&'a [u8], Range<usize>);

impl<'a> Walk<'a> {
    const fn new(text: &'a [u8], depth: usize) -> Self {
        Self { text, at: 0, depth }
    }

    /// The next byte that is no white space; `\0` at the end.
    fn peek(&mut self) -> u8 {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied().unwrap_or(b'\0')
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.text.get(range).unwrap_or_default()
    }

    fn value(&mut self, place: Place, out: &mut Vec<u8>) {
        match self.peek() {
            b'"' => self.text(out),
            b'{' => self.object(place, out),
            b'[' => self.list(place, out),
            _ => write_word(self.word(), out),
        }
    }

    /// Goes behind a string; gives it with its quotes.
    fn string(&mut self) -> &'a [u8] {
        let start = self.at;
        let mut at = start + 1;
        loop {
            at += plain(self.slice(at..self.text.len())).length;
            match self.text.get(at) {
                Some(b'\\') => at += 2,
                Some(_) => break,
                None => {
                    self.at = self.text.len();
                    return self.slice(start..self.at);
                }
            }
        }
        self.at = at + 1;
        self.slice(start..self.at)
    }

    /// Writes a string: its length, then what it says.
    fn text(&mut self, out: &mut Vec<u8>) {
        out.push(b'"');
        let length = out.len()..out.len() + 8;
        out.extend_from_slice(&[0; 8]);
        self.at += 1;
        loop {
            let rest = self.slice(self.at..self.text.len());
            let plain = plain(rest).length;
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            if self.text.get(self.at) != Some(&b'\\') {
                self.at += 1;
                break;
            }
            self.at += 1;
            self.escape(out);
        }
        let said = (out.len() - length.end) as u64;
        if let Some(place) = out.get_mut(length) {
            place.copy_from_slice(&said.to_le_bytes());
        }
    }

    /// Writes what stands behind a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.text.get(self.at) else {
            return;
        };
        self.at += 1;
        out.push(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                self.code(out);
                return;
            }
            other => *other,
        });
    }

    /// Writes a character by its number. Half a pair of surrogates is written as bytes that are no character.
    fn code(&mut self, out: &mut Vec<u8>) {
        let mut code = self.hex();
        if (0xD800..0xDC00).contains(&code) && self.text.get(self.at..self.at + 2) == Some(b"\\u") {
            let first = self.at;
            self.at += 2;
            let low = self.hex();
            if (0xDC00..0xE000).contains(&low) {
                code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            } else {
                self.at = first;
            }
        }
        if let Some(char) = char::from_u32(code) {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(0xFF);
            out.extend_from_slice(&code.to_le_bytes());
        }
    }

    /// Four hexadecimal digits.
    fn hex(&mut self) -> u32 {
        let digits = self.text.get(self.at..self.at + 4);
        self.at += 4;
        digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .unwrap_or(u32::MAX)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(byte) = self.text.get(self.at)
            && !matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
        {
            self.at += 1;
        }
        // Never stand still, whatever the text is.
        self.at = self.at.max(start + 1);
        self.slice(start..self.at)
    }

    fn object(&mut self, place: Place, out: &mut Vec<u8>) {
        self.depth += 1;
        out.push(b'{');
        let start = out.len();
        let mut members: Vec<Written<'a>> = Vec::with_capacity(8);
        self.at += 1;
        while self.peek() == b'"' {
            let (at, from) = (self.at, out.len());
            let name = self.string();
            self.at = at;
            self.text(out);
            if self.peek() == b':' {
                self.at += 1;
            }
            self.value(below(place, name), out);
            if is_ignored(place, name) {
                out.truncate(from);
            } else {
                members.push((name, from..out.len()));
            }
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        self.depth -= 1;
        if self.depth < MAX_SORTED && !members.is_sorted_by(|(one, _), (other, _)| one <= other) {
            let written = out.split_off(start);
            // Stable: members of one name stay in their order.
            members.sort_by_key(|(name, _)| *name);
            for (_, range) in members {
                let range = range.start - start..range.end - start;
                out.extend_from_slice(written.get(range).unwrap_or_default());
            }
        }
        out.push(b'}');
    }

    fn list(&mut self, place: Place, out: &mut Vec<u8>) {
        let start = self.at;
        if place == Place::Content {
            if let Some(text) = self.only_text() {
                let end = std::mem::replace(&mut self.at, text);
                self.text(out);
                self.at = end;
                return;
            }
            self.at = start;
        }
        let item = match place {
            Place::Messages => Place::Message,
            Place::Content | Place::List => Place::Item,
            _ => Place::Data,
        };
        out.push(b'[');
        self.at += 1;
        loop {
            match self.peek() {
                b']' | b'\0' => break,
                b',' => self.at += 1,
                _ => self.value(item, out),
            }
        }
        self.at += 1;
        out.push(b']');
    }

    /// Where the text stands in a list that holds one part of text and nothing else; then it has gone behind the list.
    fn only_text(&mut self) -> Option<usize> {
        self.at += 1;
        if self.peek() != b'{' {
            return None;
        }
        self.at += 1;
        let mut text = None;
        let mut is_text = false;
        while self.peek() == b'"' {
            let name = self.string();
            if self.peek() == b':' {
                self.at += 1;
            }
            let value = (self.peek() == b'"').then(|| (self.at, self.string()));
            match (name, value) {
                (b"\"type\"", Some((_, b"\"text\""))) if !is_text => is_text = true,
                (b"\"text\"", Some((at, _))) if text.is_none() => text = Some(at),
                (HINT, None) => self.value(Place::Data, &mut Vec::new()),
                _ => return None,
            }
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        if !is_text || self.peek() != b']' {
            return None;
        }
        self.at += 1;
        text
    }
}

/// What makes no difference.
fn is_ignored(place: Place, name: &[u8]) -> bool {
    match place {
        Place::Body => name == b"\"stream\"" || name == HINT,
        Place::Message | Place::Item => name == HINT,
        Place::Messages | Place::Content | Place::List | Place::Data => false,
    }
}

/// Where the value of a member stands.
fn below(place: Place, name: &[u8]) -> Place {
    match (place, name) {
        (Place::Body, b"\"messages\"") => Place::Messages,
        (Place::Message, b"\"content\"") => Place::Content,
        (Place::Body, b"\"tools\"" | b"\"system\"") => Place::List,
        _ => Place::Data,
    }
}

/// Appends a number, `true`, `false` or `null`: whole numbers as they are, others by their value.
fn write_word(word: &[u8], out: &mut Vec<u8>) {
    /// Beyond this a whole number and its neighbour are one float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if word != b"-0" && !word.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        out.extend_from_slice(word);
    } else if let Some(value) = std::str::from_utf8(word)
        .ok()
        .and_then(|word| word.parse::<f64>().ok())
        .filter(|value| value.abs() < EXACT)
    {
        // There is one zero, and `1.0` is `1`.
        let value = if value == 0.0 { 0.0 } else { value };
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(word);
    }
    out.push(b';');
}

#[cfg(test)]
mod tests;
