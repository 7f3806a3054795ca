//! The command line of a verb: words, `--flag`, `--option VALUE` and `--option=VALUE`.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Failure;

/// What a verb accepts besides words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepts {
    /// Names of options without a value, with their dashes.
    pub(crate) flags: &'static [&'static str],
    /// Names of options with a value, with their dashes.
    pub(crate) options: &'static [&'static str],
    /// Names of the words, for the help text; more words than names are refused.
    pub(crate) words: &'static [&'static str],
}

/// A parsed command line.
#[derive(Debug, Default)]
pub(crate) struct Args {
    flags: BTreeSet<String>,
    options: BTreeMap<String, String>,
    words: Vec<String>,
}

impl Args {
    /// Reads `given` as `accepts` allows.
    pub(crate) fn parse(
        given: impl IntoIterator<Item = String>,
        accepts: &Accepts,
    ) -> Result<Self, Failure> {
        let (mut args, mut given) = (Self::default(), given.into_iter());
        while let Some(item) = given.next() {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (item.as_str(), None),
            };
            if accepts.flags.contains(&name) && value.is_none() {
                args.flags.insert(item);
            } else if accepts.options.contains(&name) {
                let value = value.or_else(|| given.next());
                let value = value.ok_or_else(|| Failure::new(format!("{name} needs a value")))?;
                args.options.insert(name.to_owned(), value);
            } else if item.starts_with('-') || args.words.len() == accepts.words.len() {
                return Err(Failure::new(format!(
                    "unknown argument `{item}`; this verb takes: {}",
                    accepts.usage()
                )));
            } else {
                args.words.push(item);
            }
        }
        Ok(args)
    }

    /// Whether the flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// The value of an option.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The word at `index`.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }
}

impl Accepts {
    /// One line for the help text.
    pub(crate) fn usage(&self) -> String {
        let words = self.words.iter().map(|word| format!("[{word}]"));
        let flags = self.flags.iter().map(|flag| format!("[{flag}]"));
        let options = self
            .options
            .iter()
            .map(|option| format!("[{option} VALUE]"));
        let all: Vec<_> = words.chain(flags).chain(options).collect();
        if all.is_empty() {
            "nothing".to_owned()
        } else {
            all.join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTS: Accepts = Accepts {
        flags: &["--check"],
        options: &["--path"],
        words: &["NAME"],
    };

    fn parse(line: &str) -> Result<Args, Failure> {
        Args::parse(line.split_whitespace().map(str::to_owned), &ACCEPTS)
    }

    #[test]
    fn flags_options_and_words_are_told_apart() {
        let args = parse("acme --path=there --check").unwrap();
        assert_eq!(
            (args.word(0), args.option("--path"), args.has("--check")),
            (Some("acme"), Some("there"), true)
        );
        assert_eq!(
            parse("--path there").unwrap().option("--path"),
            Some("there")
        );
    }

    #[test]
    fn what_is_not_accepted_is_refused_by_name() {
        for (line, part) in [
            ("--chek", "`--chek`"),
            ("a b", "`b`"),
            ("--path", "needs a value"),
        ] {
            let message = parse(line).unwrap_err().to_string();
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
