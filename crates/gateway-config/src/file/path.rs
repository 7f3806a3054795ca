//! Where a value stands in a document, whatever form the document has.

use std::fmt;

/// Keys and indexes from the root of a document to a value.
///
/// `Display` is the form for people (`endpoints[2].model.config`), [`Self::pointer`] that of RFC 6901
/// (`/endpoints/2/model/config`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(String);

/// Stands before a key.
const KEY: char = '\u{1}';
/// Stands before an index.
const INDEX: char = '\u{2}';

impl Path {
    /// The document itself.
    pub(crate) const fn root() -> Self {
        Self(String::new())
    }

    /// The value of `key` below this one.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(format!("{}{KEY}{key}", self.0))
    }

    /// The item of a list.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}{INDEX}{index}", self.0))
    }

    /// A path below this one in the form for people: `aws_config.aws_region`, `[0].name`.
    pub(crate) fn below(&self, dotted: &str) -> Self {
        let mut path = self.clone();
        for step in dotted.split('.') {
            let (key, indexes) = step.split_at(step.find('[').unwrap_or(step.len()));
            if !key.is_empty() {
                path = path.key(key);
            }
            for index in indexes.split(['[', ']']).filter(|text| !text.is_empty()) {
                path = match index.parse() {
                    Ok(index) => path.index(index),
                    Err(_) => path.key(index),
                };
            }
        }
        path
    }

    /// The path as a JSON pointer; empty for the document itself.
    pub(crate) fn pointer(&self) -> String {
        let escaped = self.0.replace('~', "~0").replace('/', "~1");
        escaped.replace([KEY, INDEX], "/")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut in_index = false;
        for (position, c) in self.0.char_indices() {
            if matches!(c, KEY | INDEX) && in_index {
                f.write_str("]")?;
            }
            match c {
                INDEX => f.write_str("[")?,
                KEY if position > 0 => f.write_str(".")?,
                KEY => {}
                other => fmt::Write::write_char(f, other)?,
            }
            if matches!(c, KEY | INDEX) {
                in_index = c == INDEX;
            }
        }
        f.write_str(if in_index { "]" } else { "" })
    }
}

impl From<&Self> for Path {
    fn from(path: &Self) -> Self {
        path.clone()
    }
}

impl From<&str> for Path {
    fn from(key: &str) -> Self {
        Self::root().key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_form_for_people_and_one_for_programs() {
        let path = Path::from("endpoints").index(2).key("a/b").key("c~d");
        assert_eq!(path.to_string(), "endpoints[2].a/b.c~d");
        assert_eq!(path.pointer(), "/endpoints/2/a~1b/c~0d");
        assert_eq!(
            (Path::root().to_string(), Path::root().pointer()),
            Default::default()
        );
        let path = Path::from("config").below("aws_config.list[3][0].region");
        assert_eq!(path.pointer(), "/config/aws_config/list/3/0/region");
        assert_eq!(path.to_string(), "config.aws_config.list[3][0].region");
    }
}
