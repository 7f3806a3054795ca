//! `new-provider`: a provider crate of somebody else's, outside the workspace, that works from the first minute.
//!
//! The files of `xtask/templates/provider` are written with the name filled in; the crate depends on this repository by
//! path and runs the conformance suite of `gateway-testkit`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::failure::Failure;
use crate::shell;
use crate::tally::Tally;

/// Where a file goes, and what is in it.
const FILES: [(&str, &str); 5] = [
    (
        "Cargo.toml",
        include_str!("../templates/provider/Cargo.toml.txt"),
    ),
    (
        "README.md",
        include_str!("../templates/provider/README.md.txt"),
    ),
    (
        "src/lib.rs",
        include_str!("../templates/provider/src/lib.rs.txt"),
    ),
    (
        "src/wire.rs",
        include_str!("../templates/provider/src/wire.rs.txt"),
    ),
    (
        "tests/conformance.rs",
        include_str!("../templates/provider/tests/conformance.rs.txt"),
    ),
];

/// Writes the crate; with `--test` its tests are run too.
pub(crate) fn run(args: &Args) -> Result<Tally, Failure> {
    let name = args
        .word(0)
        .ok_or_else(|| Failure::new("say its name, such as `cargo xtask new-provider acme`"))?;
    check_name(name)?;
    let folder = match args.option("--path") {
        Some(path) => std::path::absolute(path)?,
        None => beside(&format!("gateway-provider-{name}")),
    };
    make(name, &folder)?;
    println!("made {}", folder.display());
    if args.has("--test") {
        return test(&folder);
    }
    println!("try it: cd {} && cargo test", folder.display());
    Ok(Tally::PASSED)
}

/// Makes a crate in the folder for temporary files, runs its tests, and takes it away again.
pub(crate) fn prove() -> Result<Tally, Failure> {
    let folder =
        std::env::temp_dir().join(format!("gateway-provider-proof-{}", std::process::id()));
    let result = make("proof", &folder).and_then(|()| test(&folder));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    result
}

fn test(folder: &Path) -> Result<Tally, Failure> {
    let mut test = shell::cargo(&["test", "--quiet"]);
    // The crates of this repository are built here already.
    test.env("CARGO_TARGET_DIR", shell::target_dir());
    shell::run(test.current_dir(folder)).map(Tally::check)
}

fn make(name: &str, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Err(Failure::new(format!(
            "{} is there already",
            folder.display()
        )));
    }
    if folder.starts_with(shell::root()) {
        return Err(Failure::new(
            "it belongs outside this repository; give another --path",
        ));
    }
    for (file, template) in FILES {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, fill(template, name, shell::root()))?;
    }
    // The same versions as here, so that it builds with what is already downloaded.
    for file in ["Cargo.lock", "rust-toolchain.toml"] {
        fs::copy(shell::root().join(file), folder.join(file))?;
    }
    // Line breaks depend on how long the name is.
    shell::read(shell::cargo(&["fmt"]).current_dir(folder))?;
    Ok(())
}

fn beside(name: &str) -> PathBuf {
    shell::root()
        .parent()
        .unwrap_or_else(shell::root)
        .join(name)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    if good {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "`{name}`: a name is lower-case letters, digits and `-`, a letter first"
        )))
    }
}

/// Fills in `{{name}}` (acme-ai), `{{ident}}` (acme_ai), `{{Title}}` (Acme Ai), `{{Type}}` (AcmeAi) `{{base}}` (an
/// address) and `{{root}}`.
fn fill(template: &str, name: &str, root: &Path) -> String {
    let words: Vec<String> = name
        .split('-')
        .filter(|word| !word.is_empty())
        .map(capital)
        .collect();
    template
        .replace("{{name}}", name)
        .replace("{{ident}}", &name.replace('-', "_"))
        .replace("{{Title}}", &words.join(" "))
        .replace("{{Type}}", &words.concat())
        .replace("{{base}}", &format!("https://api.{name}.example/v1"))
        .replace("{{root}}", &root.to_string_lossy().replace('\\', "/"))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_filled_in_every_spelling() {
        let filled = fill(
            "{{name}} {{ident}} {{Title}} {{Type}} {{root}}",
            "acme-ai",
            Path::new("/x"),
        );
        assert_eq!(filled, "acme-ai acme_ai Acme Ai AcmeAi /x");
    }

    #[test]
    fn names_that_are_no_crate_names_are_refused() {
        for (name, good) in [
            ("acme", true),
            ("acme-2", true),
            ("Acme", false),
            ("2acme", false),
            ("a_b", false),
            ("a-", false),
            ("", false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name}");
        }
    }
}
