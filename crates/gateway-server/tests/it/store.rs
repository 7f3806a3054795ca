//! `db` and `secrets`, as operators run them.

use std::fs;
use std::path::Path;

use gateway_secrets::{Kek, KekId, KeyRing, Sealed};
use gateway_store::definitions::{
    Author, Commit, DefinitionStore, Document, Draft, EntityKind, SealedValue, Write,
};
use gateway_store_sqlite::{OpenMode, SqliteConfig, SqliteStore};
use tempfile::TempDir;

use crate::harness::{command, run, text};

fn open(data: &Path) -> SqliteStore {
    SqliteStore::open(SqliteConfig::new(
        data.join("gateway.db"),
        OpenMode::Existing,
    ))
    .unwrap()
}

/// Runs a command on a store; its output, of which the first is whether it succeeded.
fn on(data: &Path, args: &[&str]) -> (bool, String) {
    let mut all = args.to_vec();
    all.extend(["--data", data.to_str().unwrap()]);
    let output = run(&all);
    (
        output.status.success(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

async fn add(store: &SqliteStore, ring: &KeyRing, id: &str) -> bool {
    let sealed = ring.seal(id, id, b"{\"api_key\": \"sk-plain\"}").unwrap();
    let draft = Draft::new(
        EntityKind::SECRET,
        id,
        id,
        Document::from_value(&serde_json::json!({})).unwrap(),
    );
    let draft = draft.with_sealed(SealedValue {
        value: sealed.value,
        wrapped_key: sealed.wrapped_key,
        kek: sealed.kek.as_str().to_owned(),
    });
    let base = store.revision().await.unwrap();
    let commit = Commit::new(base, Author::named("server"), 5).with(Write::Create(draft));
    store.commit(commit).await.is_ok()
}

#[test]
fn a_store_is_made_checked_and_copied() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let (good, printed) = on(&data, &["db", "check"]);
    assert!(!good && printed.contains("there is no file"), "{printed}");
    let (good, printed) = on(&data, &["db", "migrate"]);
    assert!(
        good && printed.contains("up to date (revision 0)"),
        "{printed}"
    );
    let (good, printed) = on(&data, &["db", "check"]);
    assert!(good && printed.contains("gateway.db: fine"), "{printed}");
    let copy = folder.path().join("copy.db");
    let (good, printed) = on(&data, &["db", "backup", "--to", copy.to_str().unwrap()]);
    assert!(good && copy.exists(), "{printed}");
    let url = format!("sqlite:{}", copy.display());
    let output = run(&["db", "check", "--store-url", &url]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = run(&["db", "check", "--store-url", "mysql://u:hunter2@h/x"]);
    let printed = text(&output.stderr);
    assert!(
        output.status.code() == Some(2)
            && printed.contains("allowed are `sqlite:PATH`")
            && !printed.contains("hunter2"),
        "{printed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_key_rotates_while_a_server_goes_on_sealing_under_the_old_one() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_owned();
    on(&data, &["db", "migrate"]);
    let old = Kek::random().unwrap();
    fs::write(data.join("master.key"), old.to_hex().expose()).unwrap();
    let store = open(&data);
    let old_ring = KeyRing::new(old.clone());
    for n in 0..120 {
        assert!(add(&store, &old_ring, &format!("s-{n}")).await);
    }
    let rotating = {
        let data = data.clone();
        tokio::task::spawn_blocking(move || on(&data, &["secrets", "rotate-key"]))
    };
    let mut added = 120;
    while !rotating.is_finished() {
        if add(&store, &old_ring, &format!("s-{added}")).await {
            added += 1;
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let (good, printed) = rotating.await.unwrap();
    assert!(
        good && printed.contains("moved under the master key"),
        "{printed}"
    );
    assert!(!printed.contains("sk-plain") && !printed.contains(old.to_hex().expose().as_str()));

    // What was sealed under the old key at the last moment still opens, and the next run moves it.
    let keys = fs::read_to_string(data.join("master.key")).unwrap();
    let keys: Vec<Kek> = keys
        .lines()
        .map(|line| Kek::parse(&gateway_core::schema::Secret::new(line.to_owned())).unwrap())
        .collect();
    assert!(keys.len() == 2 && keys[1].id() == old.id());
    let both = KeyRing::new(keys[0].clone()).with(keys[1].clone());
    let opened = |loaded: &gateway_store::definitions::Loaded, ring: &KeyRing| {
        loaded
            .entities
            .iter()
            .filter(|entity| {
                let sealed = entity.sealed.clone().unwrap();
                let sealed = Sealed {
                    value: sealed.value,
                    wrapped_key: sealed.wrapped_key,
                    kek: KekId::from_row(&sealed.kek),
                };
                ring.open(&entity.id, &entity.name, &sealed).is_ok()
            })
            .count()
    };
    let loaded = store.load(None).await.unwrap();
    assert_eq!(
        (loaded.entities.len(), opened(&loaded, &both)),
        (added, added)
    );
    let (good, printed) = on(&data, &["secrets", "rotate-key"]);
    assert!(good, "{printed}");
    let (good, printed) = on(&data, &["secrets", "rotate-key", "--drop-old"]);
    assert!(
        good && printed.contains("2 old master keys dropped"),
        "{printed}"
    );
    let key = fs::read_to_string(data.join("master.key")).unwrap();
    let newest = KeyRing::new(Kek::parse(&gateway_core::schema::Secret::new(key)).unwrap());
    let loaded = store.load(None).await.unwrap();
    assert_eq!(opened(&loaded, &newest), added);
    assert_eq!(opened(&loaded, &old_ring), 0);
    let (good, printed) = on(&data, &["db", "check"]);
    assert!(good, "{printed}");
}

#[tokio::test]
async fn a_wrong_or_missing_master_key_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_owned();
    on(&data, &["db", "migrate"]);
    let (good, printed) = on(&data, &["secrets", "rotate-key"]);
    assert!(
        !good && printed.contains("master.key (and GATEWAY_MASTER_KEY is not set)"),
        "{printed}"
    );
    let right = Kek::random().unwrap();
    let store = open(&data);
    assert!(add(&store, &KeyRing::new(right.clone()), "s-1").await);
    let before = store.load(None).await.unwrap();
    let wrong = Kek::random().unwrap();
    let rotate = |primary: &str, previous: &str| {
        let mut command = command(&["secrets", "rotate-key", "--data", data.to_str().unwrap()]);
        command
            .env("GATEWAY_MASTER_KEY", primary)
            .env("GATEWAY_MASTER_KEY_PREVIOUS", previous);
        let output = command.output().unwrap();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (code, printed) = rotate(wrong.to_hex().expose(), "");
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains(right.id().as_str())
            && printed.contains(wrong.id().as_str())
            && printed.contains("Nothing was changed"),
        "{printed}"
    );
    assert_eq!(store.load(None).await.unwrap(), before);
    let (code, printed) = rotate("short", "");
    assert!(
        code == Some(2)
            && printed.contains("GATEWAY_MASTER_KEY: a master key has 32 bytes")
            && !printed.contains("short"),
        "{printed}"
    );
    let (code, printed) = rotate(wrong.to_hex().expose(), right.to_hex().expose());
    assert!(
        code == Some(0) && printed.contains("1 credentials moved"),
        "{printed}"
    );
}
