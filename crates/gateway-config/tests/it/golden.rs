//! Whole reports, as people see them: `tests/golden/<case>.yaml` and `<case>.txt` beside it.
//!
//! `cargo xtask golden --bless` writes the texts anew.

use std::path::Path;

use crate::fake::World;

#[test]
fn every_wrong_file_is_told_in_full() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut seen = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("wrong-") || path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let found = match World::new().load(&text) {
            Ok(loaded) => format!("accepted\n{}", loaded.warnings),
            Err(report) => format!("refused\n{report}"),
        };
        let golden = path.with_extension("txt");
        if bless() {
            std::fs::write(&golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{name}");
    }
    assert!(seen >= 3, "the golden files are there");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that is told to write its golden files"
)]
fn bless() -> bool {
    std::env::var_os("GATEWAY_BLESS").is_some()
}
