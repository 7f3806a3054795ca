use std::sync::Arc;

use gateway_store::definitions::DefinitionStore;
use gateway_testkit::store::{self, DefinitionBench};

use crate::server::{given, open, schema};

struct Schemas(String);

impl DefinitionBench for Schemas {
    async fn fresh(&self) -> Arc<dyn DefinitionStore> {
        Arc::new(open(&self.0, &schema()).await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_in_postgresql_keeps_every_rule() {
    let Some((url, _server)) = given() else {
        return;
    };
    store::definitions(&Schemas(url)).await;
}
