use std::sync::Arc;

use gateway_store::definitions::{DefinitionStore, MemoryDefinitions};
use gateway_testkit::store::{self, DefinitionBench};

struct Memory;

impl DefinitionBench for Memory {
    async fn fresh(&self) -> Arc<dyn DefinitionStore> {
        Arc::new(MemoryDefinitions::new())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_in_memory_keeps_every_rule() {
    store::definitions(&Memory).await;
}
