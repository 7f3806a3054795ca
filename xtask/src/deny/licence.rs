//! SPDX licence expressions, as crates write them.

/// Whether `expression` can be met with the licences in `list`. `/` is read as `OR`, as old manifests mean it.
///
/// # Errors
/// What is wrong with the expression.
pub(crate) fn allowed(expression: &str, list: &[String]) -> Result<bool, String> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        list,
    };
    let met = reader.any()?;
    match reader.words.first() {
        None => Ok(met),
        Some(word) => Err(format!("unexpected `{word}`")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    list: &'a [String],
}

impl Reader<'_> {
    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut met = self.all()?;
        while self.take("OR") {
            met |= self.all()?;
        }
        Ok(met)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Ok(met)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let met = self.any()?;
            return if self.take(")") {
                Ok(met)
            } else {
                Err("`)` is missing".to_owned())
            };
        }
        let Some((first, rest)) = self.words.split_first() else {
            return Err("a licence is missing".to_owned());
        };
        let mut licence = (*first).to_owned();
        self.words = rest;
        if self.take("WITH") {
            let Some((exception, rest)) = self.words.split_first() else {
                return Err("an exception is missing".to_owned());
            };
            licence = format!("{licence} WITH {exception}");
            self.words = rest;
        }
        Ok(self.list.contains(&licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_by_what_the_list_has() {
        let list = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("ISC AND (GPL-3.0 OR MIT)", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
        ] {
            assert_eq!(allowed(expression, &list), Ok(met), "{expression}");
        }
        assert!(allowed("", &list).is_err());
        assert!(allowed("(MIT", &list).is_err());
        assert!(allowed("MIT MIT", &list).is_err());
    }
}
