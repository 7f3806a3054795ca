use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use gateway_store::StoreError;
use gateway_store::definitions::{
    Author, Commit, DefinitionStore, Document, Draft, EntityKind, List, Revision, Write,
};
use gateway_store_sqlite::{FolderLock, OpenMode, SqliteConfig, SqliteStore, backup, check};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::suite::{migrating, open};

fn commit(base: u64, id: &str) -> Commit {
    let document = Document::from_value(&serde_json::json!({"n": id})).unwrap();
    let draft = Draft::new(EntityKind::VIRTUAL_KEY, id, id, document);
    Commit::new(Revision(base), Author::named("admin"), 5).with(Write::Create(draft))
}

fn refused(path: &std::path::Path, mode: OpenMode) -> String {
    let error = SqliteStore::open(SqliteConfig::new(path, mode)).unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn the_file_is_for_its_owner_only_and_keeps_what_was_committed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    store.commit(commit(0, "a")).await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    drop(store);
    let store = open(&path);
    assert_eq!(store.load(None).await.unwrap().revision, Revision(1));
    drop(store);
    assert_eq!(check(&path).unwrap(), [""; 0]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let findings = check(&path).unwrap();
    assert!(findings[0].contains("mode 644"), "{findings:?}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_in_one_sentence_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = path("notes.txt");
    fs::write(
        &text,
        "not a database, but long enough to be looked at as one by SQLite ......................",
    )
    .unwrap();
    let before = fs::read(&text).unwrap();
    assert_eq!(
        refused(&text, migrating()),
        format!("{} is not an SQLite database.", text.display())
    );
    assert_eq!(fs::read(&text).unwrap(), before);

    let mlflow = path("mlflow.db");
    let connection = Connection::open(&mlflow).unwrap();
    connection
        .execute_batch("CREATE TABLE alembic_version (v TEXT); CREATE TABLE experiments (v TEXT)")
        .unwrap();
    drop(connection);
    let sentence = refused(&mlflow, migrating());
    assert!(
        sentence.contains("tables of another program (alembic_version, experiments, ...)"),
        "{sentence}"
    );
    assert!(sentence.contains("MLflow, which is imported"), "{sentence}");

    let absent = path("absent.db");
    let sentence = refused(&absent, OpenMode::Existing);
    assert!(
        sentence.contains("there is no file") && !absent.exists(),
        "{sentence}"
    );

    let empty = path("empty.db");
    fs::write(&empty, "").unwrap();
    let sentence = refused(&empty, OpenMode::Existing);
    assert!(
        sentence.contains("no tables yet") && sentence.contains("db migrate"),
        "{sentence}"
    );
    let sentence = refused(&path("nowhere/gateway.db"), migrating());
    assert!(sentence.contains("nowhere/gateway.db"), "{sentence}");
}

#[tokio::test]
async fn tables_of_another_version_are_refused_or_used_as_the_migration_says() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    connection
        .execute(
            "INSERT INTO migration VALUES (2, 'added', x'00', 1, 'newer', 9)",
            [],
        )
        .unwrap();
    // A newer version that this program can use.
    let store = open(&path);
    store.commit(commit(0, "a")).await.unwrap();
    drop(store);
    connection
        .execute(
            "INSERT INTO migration VALUES (3, 'contracted', x'00', 2, 'newer', 9)",
            [],
        )
        .unwrap();
    let before = fs::read(&path).unwrap();
    let sentence = refused(&path, migrating());
    assert_eq!(
        sentence,
        "The tables have version 3, which needs a gateway-server that knows version 2; this one knows version 1. Use a newer gateway-server."
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    connection
        .execute("DELETE FROM migration WHERE version > 1", [])
        .unwrap();
    connection
        .execute("UPDATE migration SET checksum = x'00'", [])
        .unwrap();
    let sentence = refused(&path, migrating());
    assert!(
        sentence.contains("Migration 1 (`configuration`)"),
        "{sentence}"
    );
}

#[tokio::test]
async fn two_programs_that_migrate_at_once_both_find_the_tables() {
    let folder = TempDir::new().unwrap();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}.db"));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || {
                    SqliteStore::open(SqliteConfig::new(path, migrating())).map(drop)
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
        assert_eq!(check(&path).unwrap(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_delays_and_then_refuses_writes_while_reads_go_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let writing = store.commit(commit(0, "a"));
    let reading = async {
        store.list(List::of(EntityKind::VIRTUAL_KEY)).await.unwrap();
        begun.elapsed()
    };
    let (written, read) = tokio::join!(writing, reading);
    assert!(read < Duration::from_secs(3), "a reader waited {read:?}");
    let sentence = written.unwrap_err().to_string();
    assert!(
        sentence.contains("another process holds the lock"),
        "{sentence}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(commit(0, "a")).await.unwrap();
}

#[tokio::test]
async fn a_change_by_another_process_is_seen_within_a_second() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let (one, other) = (open(&path), open(&path));
    let begun = Instant::now();
    other.commit(commit(0, "a")).await.unwrap();
    assert_eq!(one.changed(Revision(0)).await, Ok(Revision(1)));
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let conflict = one.commit(commit(0, "b")).await.unwrap_err();
    assert!(
        matches!(conflict, StoreError::Conflict { .. }),
        "{conflict}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_one_revision_and_opens_as_a_store() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    for n in 0..20 {
        store.commit(commit(n, &format!("k{n}"))).await.unwrap();
    }
    let copy = folder.path().join("copy.db");
    let (from, to) = (path.clone(), copy.clone());
    let copying = tokio::task::spawn_blocking(move || backup(&from, &to));
    for n in 20..40 {
        store.commit(commit(n, &format!("k{n}"))).await.unwrap();
    }
    copying.await.unwrap().unwrap();
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(check(&copy).unwrap(), [""; 0]);
    let loaded = open(&copy).load(None).await.unwrap();
    assert_eq!(loaded.entities.len() as u64, loaded.revision.0);
    assert!(loaded.revision.0 >= 20);
    let again = backup(&path, &copy).unwrap_err().to_string();
    assert!(
        again.contains("copy.db"),
        "an existing file is kept: {again}"
    );
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    store.commit(commit(0, "a")).await.unwrap();
    drop(store);
    let connection = Connection::open(&path).unwrap();
    let pages: u32 = connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    // A limit on pages stands for a disk without room: SQLite answers with the same code.
    let config = SqliteConfig::new(&path, OpenMode::Existing).with_max_pages(pages + 2);
    let store = SqliteStore::open(config).unwrap();
    let mut large = commit(1, "b");
    large.writes = (0..500)
        .flat_map(|n| commit(1, &format!("k{n}")).writes)
        .collect();
    let full = store.commit(large).await.unwrap_err();
    assert!(matches!(full, StoreError::Full(_)), "{full}");
    assert_eq!(store.load(None).await.unwrap().entities.len(), 1);
    drop(store);
    open(&path).commit(commit(1, "b")).await.unwrap();
    assert_eq!(check(&path).unwrap(), [""; 0]);
}

#[test]
fn a_second_server_on_a_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let lock = FolderLock::acquire(folder.path()).unwrap();
    let second = FolderLock::acquire(folder.path()).unwrap_err().to_string();
    assert!(
        second.contains("another server uses the folder"),
        "{second}"
    );
    drop(lock);
    FolderLock::acquire(folder.path()).unwrap();
}

#[test]
fn every_statement_prepares() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    for statement in gateway_sql::ALL_STATEMENTS {
        let prepared = connection.prepare(statement.text(gateway_sql::Backend::Sqlite));
        assert!(prepared.is_ok(), "{}: {:?}", statement.name, prepared.err());
    }
}

#[test]
fn damage_is_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for n in 0..3 {
            store.commit(commit(n, &format!("k{n}"))).await.unwrap();
        }
    });
    drop(store);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("UPDATE audit SET actor = 'nobody' WHERE number = 2", [])
        .unwrap();
    connection
        .execute("UPDATE entity SET document = '[' WHERE id = 'k1'", [])
        .unwrap();
    connection
        .execute("UPDATE revision SET number = 2", [])
        .unwrap();
    drop(connection);
    let findings = check(&path).unwrap().join("\n");
    for part in [
        "written by revision 3",
        "virtual_key `k1` is not a JSON object",
        "audit row 2 was changed",
    ] {
        assert!(findings.contains(part), "{part}: {findings}");
    }
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0x55; 4096], length - 8192).unwrap();
    let damaged = check(&path);
    assert!(damaged.is_err() || !damaged.unwrap().is_empty());
}
