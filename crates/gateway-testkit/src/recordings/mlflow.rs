//! What MLflow's gateways answered.

use std::path::PathBuf;

use serde_json::Value;

use super::{json_files, say_skipped, workspace};

/// The recordings of MLflow, one JSON file per case.
#[derive(Debug, Clone)]
pub struct MlflowRecordings(PathBuf);

impl MlflowRecordings {
    /// The recordings in the workspace (`xtask/conformance/mlflow-recorded`), if they are there.
    pub fn open() -> Option<Self> {
        let folder = workspace().join("xtask/conformance/mlflow-recorded");
        folder.is_dir().then_some(Self(folder))
    }

    /// As [`open`](Self::open), and says on stderr that a test is skipped where there are none.
    pub fn open_or_say_skipped() -> Option<Self> {
        let recordings = Self::open();
        if recordings.is_none() {
            say_skipped("MLflow recordings");
        }
        recordings
    }

    /// The cases whose name begins with `prefix`, by name.
    pub fn cases(&self, prefix: &str) -> Vec<MlflowCase> {
        json_files(&self.0)
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| MlflowCase { name, value })
            .collect()
    }
}

/// One case.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MlflowCase {
    /// The name of the case and of its file.
    pub name: String,
    /// The whole file.
    pub value: Value,
}

impl MlflowCase {
    /// What kind of case it is: `gateway-start`, `config-check`, ...
    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    /// The gateway's configuration; empty when the case has none.
    pub fn config(&self) -> &str {
        self.text("config_yaml")
    }

    fn text(&self, key: &str) -> &str {
        let found = self.value.get(key).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    /// The value at a JSON pointer such as `/request/body`; null when there is none.
    pub fn at(&self, pointer: &str) -> &Value {
        self.value.pointer(pointer).unwrap_or(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recordings_hold_configurations_and_exchanges() {
        let Some(recordings) = MlflowRecordings::open_or_say_skipped() else {
            return;
        };
        let checks = recordings.cases("config-");
        assert!(checks.iter().all(|case| !case.kind().is_empty()));
        let chats = recordings.cases("openai-chat");
        assert!(chats.len() > 10);
        assert!(
            chats
                .iter()
                .all(|case| case.at("/gateway_reply/status").is_u64())
        );
    }
}
