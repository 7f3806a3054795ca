//! Recorded traffic. It stands beside the project, not inside: where it is absent, a test says so and passes.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A recorded exchange.
pub(crate) struct Exchange {
    /// Its folder and file.
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Exchange {
    pub(crate) fn request(&self) -> &Value {
        &self.value["request"]["body"]
    }

    pub(crate) fn url(&self) -> &str {
        self.value["request"]["url"].as_str().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        u16::try_from(self.value["response"]["status"].as_u64().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.value["response"]["headers"][name].as_str()
    }

    pub(crate) fn reply(&self) -> &Value {
        &self.value["response"]["body"]
    }

    /// True for a reply that was recorded as text: a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.reply().is_string()
    }

    /// The bytes of the reply.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self.reply() {
            Value::String(text) => text.clone().into_bytes(),
            other => other.to_string().into_bytes(),
        }
    }

    pub(crate) fn is(&self, operation: &str) -> bool {
        self.value["operation"] == operation
    }

    pub(crate) fn model(&self) -> &str {
        self.value["model"].as_str().unwrap_or_default()
    }
}

/// The exchanges that `wanted` takes, by name: of these folders, or of all where none is named.
pub(crate) fn recorded(folders: &[&str], wanted: impl Fn(&Exchange) -> bool) -> Vec<Exchange> {
    let root = workspace().join("../shared/corpus");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(&root).into_iter().flatten().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        if !folders.is_empty() && !folders.contains(&name.as_str()) {
            continue;
        }
        for file in std::fs::read_dir(folder.path()).into_iter().flatten() {
            let path = file.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy();
            let exchange = Exchange {
                name: format!("{name}/{file}"),
                value: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            };
            if wanted(&exchange) {
                found.push(exchange);
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if found.is_empty() {
        eprintln!("skipped: corpus absent");
    }
    found
}
