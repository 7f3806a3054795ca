//! A JSON question written so that its spelling makes no difference.
//!
//! White space, the order of members, escapes in texts, `1` and `1.0` are levelled; so is what [the identity of a
//! request](gateway_schema::Request::identity) leaves out: whether the answer is streamed, and hints about a provider's
//! own cache. A message whose content is one part of text is one whose content is that text. Everything else counts, the
//! first of two members of one name as well as the last. It is finer than the identity, which knows a dialect's words of
//! equal meaning, and needs no tree: one pass over the text, strings copied as they are.

use std::ops::Range;

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

/// Appends the question in `text`, which is known to be JSON, to `out`. Equal bytes mean equal questions.
pub(super) fn write(text: &[u8], out: &mut Vec<u8>) {
    let mut walk = Walk {
        text,
        at: 0,
        depth: 0,
    };
    walk.value(Place::Body, out);
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// How many objects are open.
    depth: usize,
}

/// A member of an object that was written: its key, with its quotes, and where it is.
type Member<'a> = (&'a [u8], Range<usize>);

impl<'a> Walk<'a> {
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
            b'"' => write_text(self.string(), out),
            b'{' => self.object(place, out),
            b'[' => self.list(place, out),
            _ => write_word(self.word(), out),
        }
    }

    /// A string with its quotes, and whether there are escapes in it.
    fn string(&mut self) -> (&'a [u8], bool) {
        let start = self.at;
        let mut at = start + 1;
        let mut escapes = false;
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.slice(at..self.text.len())) {
            at += found;
            if self.text.get(at) == Some(&b'"') {
                self.at = at + 1;
                return (self.slice(start..self.at), escapes);
            }
            escapes = true;
            at += 2;
        }
        self.at = self.text.len();
        (self.slice(start..self.at), escapes)
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
        let mut members: Vec<Member<'a>> = Vec::with_capacity(8);
        self.at += 1;
        while self.peek() == b'"' {
            let (name, escapes) = self.string();
            if self.peek() == b':' {
                self.at += 1;
            }
            let from = out.len();
            write_text((name, escapes), out);
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
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
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
                write_text(text, out);
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

    /// The text of a list that holds one part of text and nothing else; then it has gone behind the list.
    fn only_text(&mut self) -> Option<(&'a [u8], bool)> {
        self.at += 1;
        if self.peek() != b'{' {
            return None;
        }
        self.at += 1;
        let mut text = None;
        let mut is_text = false;
        while self.peek() == b'"' {
            let (name, _) = self.string();
            if self.peek() == b':' {
                self.at += 1;
            }
            let value = (self.peek() == b'"').then(|| self.string());
            match (name, value) {
                (b"\"type\"", Some((b"\"text\"", _))) if !is_text => is_text = true,
                (b"\"text\"", Some(said)) if text.is_none() => text = Some(said),
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

/// Appends a string that stands in quotes: its length, then what it says.
fn write_text((quoted, escapes): (&[u8], bool), out: &mut Vec<u8>) {
    if escapes {
        match serde_json::from_slice::<String>(quoted) {
            Ok(said) => write_bytes(b'"', said.as_bytes(), out),
            // Half a pair of surrogates says nothing: it counts as it is spelt.
            Err(_) => write_bytes(b'\\', quoted, out),
        }
    } else {
        let inner = quoted.get(1..quoted.len().saturating_sub(1));
        write_bytes(b'"', inner.unwrap_or_default(), out);
    }
}

fn write_bytes(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
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
mod tests {
    use super::write;

    fn written(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write(text.as_bytes(), &mut out);
        out
    }

    #[test]
    fn the_spelling_of_a_question_makes_no_difference() {
        let same = [
            r#"{"messages":[{"role":"user","content":"a\nb"}],"temperature":1,"top_p":0.5,"x":{"b":[-0],"a":"c"}}"#,
            r#" { "x":{"a":"\u0063","b":[0.0]}, "top_p" : 5e-1, "temperature" : 1.0 , "messages" : [ { "content" : "a\u000ab", "role" : "user" } ] } "#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\nb"}]}],"temperature":1,"stream":true,"top_p":0.5,"x":{"b":[0],"a":"c"}}"#,
            r#"{"temperature":1,"top_p":0.5,"x":{"b":[0],"a":"c"},"messages":[{"role":"user","content":[{"text":"a\nb","cache_control":{"type":"ephemeral"},"type":"text"}]}]}"#,
        ];
        for text in same {
            assert_eq!(written(text), written(same[0]), "{text}");
        }
    }

    #[test]
    fn whatever_may_change_the_answer_counts() {
        let questions = [
            r#"{"messages":[{"content":"a"}]}"#,
            r#"{"messages":[{"content":"b"}]}"#,
            r#"{"messages":[{"content":"a"},{"content":"a"}]}"#,
            r#"{"messages":[{"content":["a"]}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","text":"a"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"a","x":1}]}]}"#,
            r#"{"messages":[{"content":"\ud800"}]}"#,
            r#"{"messages":[{"content":"\\ud800"}]}"#,
            r#"{"messages":[{"content":"a"}],"n":1}"#,
            r#"{"messages":[{"content":"a"}],"n":1,"n":2}"#,
            r#"{"messages":[{"content":"a"}],"n":2,"n":1}"#,
            r#"{"messages":[{"content":"a"}],"n":"1"}"#,
            r#"{"messages":[{"content":"a"}],"n":-1}"#,
            r#"{"messages":[{"content":"a"}],"n":10000000000000001}"#,
            r#"{"messages":[{"content":"a"}],"n":10000000000000002}"#,
            r#"{"messages":[{"content":"a"}],"n":10000000000000002.0}"#,
            r#"{"messages":[{"content":"a"}],"n":null}"#,
            r#"{"messages":[{"content":"a"}],"model":"m"}"#,
            r#"{"messages":[{"content":"a"}],"x":{"content":[{"type":"text","text":"a"}]}}"#,
            r#"{"messages":[{"content":"a"}],"x":{"content":"a"}}"#,
            r#"{"messages":[{"content":"a"}],"tools":[{"input_schema":{"cache_control":1}}]}"#,
            r#"{"messages":[{"content":"a"}],"tools":[{"input_schema":{}}]}"#,
        ];
        for (at, one) in questions.iter().enumerate() {
            for other in questions.iter().skip(at + 1) {
                assert_ne!(written(one), written(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn no_text_panics_or_hangs() {
        let whole = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a\"b"}]}],"n":[1,{"a":-0.0}]}"#;
        for end in 0..whole.len() {
            written(&whole[..end]);
            written(&whole[end..]);
        }
    }
}
