//! Names with an optional `*` at the end.

use crate::toml::{Table, Value};

/// Whether `name` fits `pattern`.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |start| name.starts_with(start))
}

/// The number of the longest pattern that fits `name`.
pub(crate) fn lookup(table: &Table, name: &str) -> Option<i64> {
    let fitting = table.iter().filter(|(pattern, _)| fits(pattern, name));
    let (_, value) = fitting.max_by_key(|(pattern, _)| (!pattern.ends_with('*'), pattern.len()))?;
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_counts() {
        let table = Table::from([
            ("a-*".to_owned(), Value::Integer(1)),
            ("a-b".to_owned(), Value::Integer(2)),
        ]);
        assert_eq!(
            ["a-b", "a-c", "b"].map(|name| lookup(&table, name)),
            [Some(2), Some(1), None]
        );
    }
}
