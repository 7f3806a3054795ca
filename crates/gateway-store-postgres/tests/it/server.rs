//! Servers to test with: the one that the tests were given, or one of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_schema::Secret;
use gateway_store_postgres::{PostgresConfig, PostgresStore, SchemaMode};
use gateway_testkit::store::PostgresServer;

#[expect(
    clippy::disallowed_methods,
    reason = "the test command says where PostgreSQL is"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The URL of the server that the tests were given, or of one that is started for the caller.
pub(crate) fn given() -> Option<(String, Option<PostgresServer>)> {
    if let Some(url) = variable("GATEWAY_TEST_POSTGRES") {
        return Some((url, None));
    }
    let server = PostgresServer::start()?;
    Some((server.url(), Some(server)))
}

pub(crate) fn migrating() -> SchemaMode {
    SchemaMode::Migrate {
        app: "test".to_owned(),
        now: 1,
    }
}

/// A name of a schema that no other test uses.
pub(crate) fn schema() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{number}", std::process::id())
}

pub(crate) fn config(url: &str, schema: &str, mode: SchemaMode) -> PostgresConfig {
    let config = PostgresConfig::new(&Secret::new(url.to_owned()), mode).unwrap();
    config.with_schema(schema).unwrap()
}

pub(crate) async fn open(url: &str, schema: &str) -> PostgresStore {
    // A server that was just started may still recover.
    for _ in 0..100 {
        match PostgresStore::open(config(url, schema, migrating())).await {
            Ok(store) => return store,
            Err(error) if error.is_transient() => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("PostgreSQL does not accept connections");
}
