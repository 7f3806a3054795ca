//! No text panics, and whatever is accepted can be written out.

use proptest::prelude::*;

use crate::fake::World;

const EVERYTHING: &str = include_str!("../golden/everything.yaml");

/// Pieces that meet each other in configurations.
const PIECES: &[&str] = &[
    "endpoints:",
    "routes:",
    "auth:",
    "- ",
    "  ",
    "\n",
    "name: ",
    "a",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&x ",
    "*x",
    "<<: *x",
    "? ",
    "!!str ",
    "!t ",
    "| \n",
    "> \n",
    "\"",
    "'",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "null",
    "~",
    "$A",
    "{{ secrets.X }}",
    "1",
    "-1",
    "0x1",
    "1.5",
    "é",
    "\t",
    "\r\n",
    "\u{feff}",
    "limit:",
    "calls:",
    "model:",
    "provider: openai",
    "config:",
    "destinations:",
    "traffic_percentage: ",
    "when:",
    "\\",
    "@",
    "`",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn no_heap_of_pieces_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn no_cut_of_a_good_file_panics(at in 0..EVERYTHING.len(), len in 0..40_usize, put in prop::sample::select(PIECES)) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        let at = at.min(text.len());
        let end = at.saturating_add(len).min(text.len());
        text.splice(at..end, put.chars());
        check(&text.into_iter().collect::<String>());
    }
}

fn check(text: &str) {
    match World::new().load(text) {
        Ok(loaded) => {
            loaded.plan.to_yaml().unwrap();
            assert!(loaded.warnings.errors().next().is_none());
        }
        Err(report) => {
            assert!(report.errors().next().is_some());
            assert!(!report.to_string().is_empty());
        }
    }
}
