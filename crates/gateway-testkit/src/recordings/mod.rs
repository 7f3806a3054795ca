//! Recorded traffic: real exchanges with providers, and what MLflow answered.
//!
//! Neither is part of a published crate. The corpus of provider traffic stands beside the workspace, the MLflow
//! recordings in it; where one is absent, opening it gives `None` and a test says so and passes:
//!
//! ```
//! use gateway_testkit::recordings::Corpus;
//!
//! let Some(corpus) = Corpus::open_or_say_skipped() else { return };
//! assert!(!corpus.exchanges("openai", "chat").is_empty());
//! ```

mod corpus;
mod mlflow;

pub use corpus::{Corpus, Exchange, RecordedBody, RecordedRequest, RecordedResponse};
pub use mlflow::{MlflowCase, MlflowRecordings};

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the workspace this crate was compiled in.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The JSON files of a folder, sorted by name. Files that cannot be read or parsed are left out.
fn json_files(folder: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| {
            let text = std::fs::read(path).ok()?;
            let name = path.file_stem()?.to_str()?.to_owned();
            Some((name, serde_json::from_slice(&text).ok()?))
        })
        .collect()
}

#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say so where people look"
)]
fn say_skipped(what: &str) {
    eprintln!("skipped: {what} absent");
}
