use std::time::{Duration, Instant};

use gateway_store::StoreError;
use gateway_store::definitions::{
    Author, Commit, DefinitionStore, Document, Draft, EntityKind, Revision, Write,
};
use gateway_store_postgres::{PostgresStore, SchemaMode};
use gateway_testkit::store::PostgresServer;
use tokio_postgres::NoTls;

use crate::server::{config, given, migrating, open, schema};

pub(crate) fn commit(base: u64, id: &str) -> Commit {
    let document = Document::from_value(&serde_json::json!({"n": id})).unwrap();
    let draft = Draft::new(EntityKind::VIRTUAL_KEY, id, id, document);
    Commit::new(Revision(base), Author::named("admin"), 5).with(Write::Create(draft))
}

/// A connection beside the store's.
async fn client(url: &str, schema: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let path = format!("SET search_path TO \"{schema}\"");
    client.batch_execute(&path).await.unwrap();
    client
}

async fn refused(url: &str, schema: &str, mode: SchemaMode) -> String {
    let opened = PostgresStore::open(config(url, schema, mode)).await;
    opened.unwrap_err().to_string()
}

#[tokio::test]
async fn every_statement_prepares_and_other_tables_are_refused() {
    let Some((url, _server)) = given() else {
        return;
    };
    let schema = schema();
    drop(open(&url, &schema).await);
    let client = client(&url, &schema).await;
    for statement in gateway_sql::ALL_STATEMENTS {
        let prepared = client
            .prepare(statement.text(gateway_sql::Backend::Postgres))
            .await;
        assert!(prepared.is_ok(), "{}: {:?}", statement.name, prepared.err());
    }
    client
        .batch_execute("INSERT INTO migration VALUES (9, 'contracted', '', 2, 'newer', 9)")
        .await
        .unwrap();
    let sentence = refused(&url, &schema, migrating()).await;
    assert!(
        sentence.contains("The tables have version 9, which needs"),
        "{sentence}"
    );

    let foreign = format!("{schema}_f");
    client
        .batch_execute(&format!(
            "CREATE SCHEMA {foreign}; CREATE TABLE {foreign}.alembic_version (v TEXT)"
        ))
        .await
        .unwrap();
    let sentence = refused(&url, &foreign, migrating()).await;
    assert!(sentence.contains("MLflow, which is imported"), "{sentence}");
    let sentence = refused(&url, &format!("{schema}_absent"), SchemaMode::Existing).await;
    assert!(
        sentence.contains("no tables yet") && sentence.contains("db migrate"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_refused_in_one_sentence() {
    let Some((url, _server)) = given() else {
        return;
    };
    let schema = schema();
    // So that the server is no longer starting.
    drop(open(&url, &schema).await);
    let wrong = url.replace("pass-word", "password");
    if wrong != url {
        let sentence = refused(&wrong, &schema, migrating()).await;
        assert!(
            sentence.contains("refuses the user or the password")
                && !sentence.contains("password%"),
            "{sentence}"
        );
    }
    let nothing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nothing.local_addr().unwrap().port();
    drop(nothing);
    let sentence = refused(
        &format!("postgres://u:hunter2@127.0.0.1:{port}/x"),
        &schema,
        migrating(),
    )
    .await;
    assert!(
        sentence.contains(&format!("127.0.0.1:{port}")) && !sentence.contains("hunter2"),
        "{sentence}"
    );
    if let Some(server) = url.strip_suffix("/postgres") {
        let absent = format!("{server}/absent");
        let sentence = refused(&absent, &schema, migrating()).await;
        assert!(sentence.contains("has no such database"), "{sentence}");
    }
}

#[tokio::test]
async fn a_replica_and_a_lock_refuse_writes_and_change_nothing() {
    let Some((url, _server)) = given() else {
        return;
    };
    let schema = schema();
    let store = open(&url, &schema).await;
    store.commit(commit(0, "a")).await.unwrap();
    let client = client(&url, &schema).await;
    client
        .batch_execute("BEGIN; SELECT number FROM revision FOR UPDATE")
        .await
        .unwrap();
    let begun = Instant::now();
    let locked = store.commit(commit(1, "b")).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        locked.to_string().contains("locked for more than 5 s"),
        "{locked}"
    );
    assert_eq!(
        store.load(None).await.unwrap().entities.len(),
        1,
        "reads go on"
    );
    client.batch_execute("ROLLBACK").await.unwrap();
    store.commit(commit(1, "b")).await.unwrap();

    // What a server in recovery answers.
    let url = format!("{url}?options=-c%20default_transaction_read_only%3Don");
    let replica = PostgresStore::open(config(&url, &schema, SchemaMode::Existing))
        .await
        .unwrap();
    let refused = replica.commit(commit(2, "c")).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused:?}");
    assert_eq!(store.check().await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_under_writes_loses_no_answered_commit_and_comes_back() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    let (url, schema) = (server.url(), schema());
    let store = std::sync::Arc::new(open(&url, &schema).await);
    let writing = std::sync::Arc::clone(&store);
    let writer = tokio::spawn(async move {
        let (mut answered, mut refused) = (0_u64, 0_u64);
        while answered < 400 {
            match writing
                .commit(commit(answered, &format!("k{answered}")))
                .await
            {
                Ok(committed) => answered = committed.revision.0,
                Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                // A commit of which nothing is known may have been made: the next base is what is there.
                Err(StoreError::Conflict { current, .. }) => answered = current.0,
                Err(error) => panic!("{error}"),
            }
        }
        refused
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        server.kill();
        let away = store.load(None).await;
        assert!(
            matches!(away, Err(StoreError::Unavailable(_))),
            "{:?}",
            away.map(|loaded| loaded.revision)
        );
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(!store.status().connected, "the status says so");
        server.restart();
    }
    let refused = tokio::time::timeout(Duration::from_mins(1), writer)
        .await
        .unwrap()
        .unwrap();
    assert!(refused > 0, "the crashes were seen");
    let loaded = store.load(None).await.unwrap();
    assert_eq!(
        (loaded.revision, loaded.entities.len()),
        (Revision(400), 400)
    );
    assert_eq!(store.check().await, Ok(Vec::new()));
    for _ in 0..40 {
        if store.status().connected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the status stays {:?}", store.status());
}
