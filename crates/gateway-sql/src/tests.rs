use std::collections::HashSet;

use crate::{ALL_STATEMENTS, Backend, PROGRAM_SCHEMA, migrations};

#[test]
fn values_of_every_statement_are_numbered_in_the_order_of_their_appearance() {
    for statement in ALL_STATEMENTS {
        for backend in [Backend::Sqlite, Backend::Postgres] {
            let text = statement.text(backend);
            let mut seen = 0;
            for part in text.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let Ok(number) = digits.parse::<u32>() else {
                    assert!(part.starts_with('.'), "{}: ${part}", statement.name);
                    continue;
                };
                assert!(number <= seen + 1, "{}: ${number}", statement.name);
                seen = seen.max(number);
            }
        }
    }
}

#[test]
fn names_of_statements_are_unique() {
    let names: HashSet<_> = ALL_STATEMENTS.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), ALL_STATEMENTS.len());
}

#[test]
fn migrations_are_numbered_without_gaps_and_leave_no_placeholder() {
    for (at, migration) in migrations().iter().enumerate() {
        assert_eq!(migration.version, at as u64 + 1);
        assert!(migration.oldest_reader <= migration.version);
        for backend in [Backend::Sqlite, Backend::Postgres] {
            assert!(!migration.text(backend).contains(['{', '}']));
        }
    }
    assert_eq!(migrations().len() as u64, PROGRAM_SCHEMA);
}
