//! A reader for the TOML this repository writes: manifests, `deny.toml`, `layers.toml`.
//!
//! Tables, dotted and quoted keys, strings, integers, booleans, arrays and inline tables. No dates, no floats, no
//! multi-line strings: a file that needs them gets an error with its line, not a wrong answer.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::failure::Failure;

/// A table, in the order of its keys.
pub(crate) type Table = BTreeMap<String, Value>;

/// One TOML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A boolean.
    Bool(bool),
    /// An array.
    Array(Vec<Value>),
    /// A table, inline or not.
    Table(Table),
}

impl Value {
    /// The value under `key`, when this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Table(table) => table.get(key),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of an array; other items are left out.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.items()
            .iter()
            .filter_map(|item| item.text().map(ToOwned::to_owned))
            .collect()
    }

    /// The items of an array; nothing for anything else.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The table, empty for anything else.
    pub(crate) fn entries(&self) -> Table {
        match self {
            Value::Table(table) => table.clone(),
            _ => Table::new(),
        }
    }
}

/// Reads a document.
pub(crate) fn parse(text: &str) -> Result<Value, Failure> {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        line: 1,
    };
    let mut root = Table::new();
    let mut path: Vec<String> = Vec::new();
    loop {
        reader.blank(true);
        match reader.chars.peek() {
            None => return Ok(Value::Table(root)),
            Some('[') => path = reader.header(&mut root)?,
            Some(_) => {
                let mut key = path.clone();
                key.extend(reader.key()?);
                reader.expect('=')?;
                let value = reader.value()?;
                reader.end_of_line()?;
                reader.insert(&mut root, &key, value)?;
            }
        }
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: &str) -> Result<T, Failure> {
        Err(Failure::new(format!("line {}: {what}", self.line)))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    /// Skips blanks and comments; line ends too when `lines`.
    fn blank(&mut self, lines: bool) {
        while let Some(&c) = self.chars.peek() {
            if c == '#' {
                while self.chars.peek().is_some_and(|&c| c != '\n') {
                    self.next();
                }
            } else if c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n') {
                self.next();
            } else {
                return;
            }
        }
    }

    fn expect(&mut self, want: char) -> Result<(), Failure> {
        self.blank(false);
        if self.next() == Some(want) {
            Ok(())
        } else {
            self.fail(&format!("expected `{want}`"))
        }
    }

    fn end_of_line(&mut self) -> Result<(), Failure> {
        self.blank(false);
        match self.chars.peek().copied() {
            None | Some('\n') => Ok(()),
            Some(c) => self.fail(&format!("unexpected `{c}` after the value")),
        }
    }

    fn header(&mut self, root: &mut Table) -> Result<Vec<String>, Failure> {
        self.expect('[')?;
        let list = self.chars.peek() == Some(&'[');
        if list {
            self.expect('[')?;
        }
        let path = self.key()?;
        self.expect(']')?;
        if list {
            self.expect(']')?;
            let Some((last, above)) = path.split_last() else {
                return self.fail("a key is missing");
            };
            let items = descend(root, above).and_then(|table| {
                match table
                    .entry(last.clone())
                    .or_insert_with(|| Value::Array(Vec::new()))
                {
                    Value::Array(items) => Some(items),
                    _ => None,
                }
            });
            match items {
                Some(items) => items.push(Value::Table(Table::new())),
                None => return self.fail("not an array of tables"),
            }
        }
        self.end_of_line()?;
        Ok(path)
    }

    fn key(&mut self) -> Result<Vec<String>, Failure> {
        let mut path = Vec::new();
        loop {
            self.blank(false);
            path.push(match self.chars.peek() {
                Some('"' | '\'') => self.string()?,
                _ => self.word(),
            });
            self.blank(false);
            if path.last().is_none_or(String::is_empty) {
                return self.fail("a key is missing");
            }
            if self.chars.peek() != Some(&'.') {
                return Ok(path);
            }
            self.next();
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(&c) = self.chars.peek() {
            if !(c.is_alphanumeric() || matches!(c, '_' | '-' | '+')) {
                break;
            }
            word.push(c);
            self.next();
        }
        word
    }

    fn string(&mut self) -> Result<String, Failure> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => return self.fail("a string is not closed"),
                c if c == quote => return Ok(text),
                Some('\\') if quote == Some('"') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(c @ ('"' | '\\')) => text.push(c),
                    _ => return self.fail("unknown escape"),
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn value(&mut self) -> Result<Value, Failure> {
        self.blank(false);
        match self.chars.peek() {
            Some('"' | '\'') => self.string().map(Value::Text),
            Some('[') => self.array(),
            Some('{') => self.inline(),
            _ => {
                let word = self.word();
                match word.as_str() {
                    "true" => Ok(Value::Bool(true)),
                    "false" => Ok(Value::Bool(false)),
                    number => match number.replace('_', "").parse() {
                        Ok(number) => Ok(Value::Integer(number)),
                        Err(_) => self.fail(&format!("`{number}` is no value this reader knows")),
                    },
                }
            }
        }
    }

    fn array(&mut self) -> Result<Value, Failure> {
        self.expect('[')?;
        let mut items = Vec::new();
        loop {
            self.blank(true);
            if self.chars.peek() == Some(&']') {
                self.next();
                return Ok(Value::Array(items));
            }
            items.push(self.value()?);
            self.blank(true);
            if self.chars.peek() == Some(&',') {
                self.next();
            } else if self.chars.peek() != Some(&']') {
                return self.fail("expected `,` or `]`");
            }
        }
    }

    fn inline(&mut self) -> Result<Value, Failure> {
        self.expect('{')?;
        let mut table = Table::new();
        loop {
            self.blank(true);
            if self.chars.peek() == Some(&'}') {
                self.next();
                return Ok(Value::Table(table));
            }
            let key = self.key()?;
            self.expect('=')?;
            let value = self.value()?;
            self.insert(&mut table, &key, value)?;
            self.blank(true);
            if self.chars.peek() == Some(&',') {
                self.next();
            } else if self.chars.peek() != Some(&'}') {
                return self.fail("expected `,` or `}`");
            }
        }
    }

    fn insert(&self, root: &mut Table, path: &[String], value: Value) -> Result<(), Failure> {
        let Some((last, above)) = path.split_last() else {
            return self.fail("a key is missing");
        };
        match descend(root, above) {
            None => self.fail(&format!("`{}` is not a table", above.join("."))),
            Some(table) if table.contains_key(last) => self.fail(&format!("`{last}` stands twice")),
            Some(table) => {
                table.insert(last.clone(), value);
                Ok(())
            }
        }
    }
}

/// The table at `path`, made where it is missing; in an array of tables, the last one.
fn descend<'a>(root: &'a mut Table, path: &[String]) -> Option<&'a mut Table> {
    let mut at = root;
    for key in path {
        let slot = at
            .entry(key.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        at = match slot {
            Value::Table(table) => table,
            Value::Array(items) => match items.last_mut() {
                Some(Value::Table(table)) => table,
                _ => return None,
            },
            _ => return None,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_as_cargo_reads_it() {
        let text = "[package]\nname = \"a\" # the name\nversion.workspace = true\n\n[[bin]]\nname = 'x'\n[[bin]]\n\
                    name = 'y'\n[dependencies]\nb = { version = \"1\", features = [\n  \"c\", # why\n  \"d\"\n] }\n";
        let root = parse(text).unwrap();
        assert_eq!(
            root.get("package")
                .and_then(|p| p.get("version"))
                .and_then(|v| v.get("workspace")),
            Some(&Value::Bool(true))
        );
        let bins = root.get("bin").unwrap().items();
        assert_eq!(bins[1].get("name").unwrap().text(), Some("y"));
        let b = root.get("dependencies").and_then(|d| d.get("b")).unwrap();
        assert_eq!(b.get("features").unwrap().texts(), ["c", "d"]);
    }

    #[test]
    fn what_it_cannot_read_is_an_error_with_its_line() {
        for (text, line) in [
            ("a = 1979-05-27", "line 1"),
            ("a = 1\nb = \"x", "line 2"),
            ("a = 1\na = 2", "line 2"),
            ("[a\n", "line 2"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(line), "{text:?}: {message}");
        }
    }
}
