use std::path::Path;
use std::sync::Arc;

use gateway_store::definitions::DefinitionStore;
use gateway_store_sqlite::{OpenMode, SqliteConfig, SqliteStore};
use gateway_testkit::store::{self, DefinitionBench};
use tempfile::TempDir;

pub(crate) fn migrating() -> OpenMode {
    OpenMode::Migrate {
        app: "test".to_owned(),
        now: 1,
    }
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(SqliteConfig::new(path, migrating())).unwrap()
}

struct Files(TempDir);

impl DefinitionBench for Files {
    async fn fresh(&self) -> Arc<dyn DefinitionStore> {
        let number = std::fs::read_dir(self.0.path()).unwrap().count();
        Arc::new(open(&self.0.path().join(format!("{number}.db"))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_in_a_file_keeps_every_rule() {
    store::definitions(&Files(TempDir::new().unwrap())).await;
}
