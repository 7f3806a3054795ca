//! Rust source with comments and literals blanked out, so that braces and words can be counted.

use std::path::Path;

/// Whether this is a file of Rust.
pub(crate) fn is_rust(place: &str) -> bool {
    Path::new(place)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// Whether tidy judges this file as production code.
pub(crate) fn is_production(place: &str) -> bool {
    let test = [
        "/tests/",
        "/benches/",
        "/examples/",
        "/templates/",
        "/fuzz/",
    ];
    is_rust(place)
        && !place.ends_with("tests.rs")
        && !test.iter().any(|folder| place.contains(folder))
}

/// A function and its size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Where it starts, counted from 1.
    pub(crate) first_line: usize,
    /// Lines from its `fn` to its closing brace.
    pub(crate) lines: usize,
    /// Whether a `// Size:` line stands above it.
    pub(crate) has_reason: bool,
}

/// A source file without its inline test modules.
#[derive(Debug)]
pub(crate) struct Code {
    plain: Vec<String>,
    original: Vec<String>,
}

impl Code {
    /// Reads a file.
    pub(crate) fn new(text: &str) -> Self {
        let plain: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        let original: Vec<String> = text.lines().map(str::to_owned).collect();
        let end = plain.iter().position(|line| line.trim() == "#[cfg(test)]");
        // Tests stand last in a file, by the house style; what follows `#[cfg(test)] mod tests` is not production.
        let module = end.filter(|at| {
            plain
                .get(at + 1)
                .is_some_and(|line| line.trim_start().starts_with("mod ") && line.contains('{'))
        });
        let end = module.unwrap_or(plain.len());
        Self {
            plain: plain.into_iter().take(end).collect(),
            original: original.into_iter().take(end).collect(),
        }
    }

    /// How many lines are left.
    pub(crate) fn production_lines(&self) -> usize {
        self.plain.len()
    }

    /// Every function with a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (index, line) in self.plain.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            if let Some(lines) = self.body_lines(index) {
                found.push(Function {
                    name,
                    first_line: index + 1,
                    lines,
                    has_reason: self.has_reason(index),
                });
            }
        }
        found
    }

    /// Lines from `start` to the brace that closes the first one opened; nothing when a `;` comes first.
    fn body_lines(&self, start: usize) -> Option<usize> {
        let (mut braces, mut brackets) = (0_i32, 0_i32);
        for (offset, line) in self.plain.iter().skip(start).enumerate() {
            for c in line.chars() {
                match c {
                    '(' | '[' => brackets += 1,
                    ')' | ']' => brackets -= 1,
                    '{' => braces += 1,
                    '}' => braces -= 1,
                    ';' if braces == 0 && brackets == 0 => return None,
                    _ => continue,
                }
                if c == '}' && braces == 0 {
                    return Some(offset + 1);
                }
            }
        }
        None
    }

    fn has_reason(&self, start: usize) -> bool {
        let above = self.original.iter().take(start).rev();
        let mut head =
            above.take_while(|line| matches!(line.trim_start().get(..1), Some("/" | "#")));
        head.any(|line| line.trim_start().starts_with("// Size:"))
    }
}

fn function_name(line: &str) -> Option<String> {
    let at = line
        .match_indices("fn ")
        .find(|(at, _)| {
            line.get(..*at)
                .is_some_and(|before| before.is_empty() || before.ends_with([' ', '(']))
        })?
        .0;
    let name: String = line
        .get(at + 3..)?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The text with comments, strings and character literals replaced by blanks, line for line.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut out, mut index) = (String::with_capacity(text.len()), 0);
    while index < chars.len() {
        let end = match (at(index), at(index + 1)) {
            ('/', '/') => line_end(&chars, index),
            ('/', '*') => comment_end(&chars, index),
            ('"', _) => string_end(&chars, index),
            ('r', '"' | '#') if !at(index.wrapping_sub(1)).is_alphanumeric() => {
                raw_end(&chars, index)
            }
            ('\'', '\\') => (index + 3..chars.len())
                .find(|&i| at(i) == '\'')
                .map_or(chars.len(), |i| i + 1),
            ('\'', _) if at(index + 2) == '\'' => index + 3,
            _ => index,
        };
        if end == index {
            out.push(at(index));
            index += 1;
        } else {
            out.extend(
                (index..end.min(chars.len())).map(|i| if at(i) == '\n' { '\n' } else { ' ' }),
            );
            index = end;
        }
    }
    out
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars
        .iter()
        .skip(start)
        .position(|&c| c == '\n')
        .map_or(chars.len(), |length| start + length)
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut index) = (0, start);
    while index < chars.len() {
        match (chars.get(index), chars.get(index + 1)) {
            (Some('/'), Some('*')) => (depth, index) = (depth + 1, index + 2),
            (Some('*'), Some('/')) => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            return index;
        }
    }
    index
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(c) = chars.get(index) {
        match c {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    chars.len()
}

/// The end of `r"..."` or `r##"..."##`; `start` itself when it is a raw name such as `r#type`.
fn raw_end(chars: &[char], start: usize) -> usize {
    let hashes = chars
        .iter()
        .skip(start + 1)
        .take_while(|&&c| c == '#')
        .count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let mut index = start + 2 + hashes;
    while index < chars.len() {
        let closing = chars
            .iter()
            .skip(index + 1)
            .take_while(|&&c| c == '#')
            .count();
        if chars.get(index) == Some(&'"') && closing >= hashes {
            return index + 1 + hashes;
        }
        index += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        let text = "fn a() {\n    let s = \"}\\\"}\"; // }\n    let c = '}'; /* } /* } */ */\n    let r = r#\"}\"}\"#;\n    let l: &'static str = \"\";\n}\n\
                    trait T {\n    fn no_body(x: [u8; 3]);\n    fn b(&self) {}\n}\n";
        let found = Code::new(text).functions();
        let found: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.first_line, f.lines))
            .collect();
        assert_eq!(found, [("a", 1, 6), ("b", 9, 1)]);
    }

    #[test]
    fn test_files_are_not_production() {
        for (place, production) in [
            ("crates/a/src/b.rs", true),
            ("crates/a/src/tests.rs", false),
            ("crates/a/tests/it/main.rs", false),
            ("a.md", false),
        ] {
            assert_eq!(is_production(place), production, "{place}");
        }
    }
}
