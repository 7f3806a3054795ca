//! A process that writes is killed at random points.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateway_store::definitions::{
    AuditQuery, Author, Commit, DefinitionStore, Document, Draft, EntityKind, Revision, Write,
    verify_chain,
};
use gateway_store_sqlite::check;
use tempfile::TempDir;

use crate::suite::open;

/// The file of the process that is killed; without it that test does nothing.
const FILE: &str = "GATEWAY_TEST_CRASH_FILE";

/// Entities of each commit.
const GROUP: usize = 5;

fn commit(base: Revision) -> Commit {
    let mut commit = Commit::new(base, Author::named("writer"), base.0);
    for n in 0..GROUP {
        let id = format!("{}-{n}", base.0 % 40);
        let document = Document::from_value(&serde_json::json!({"base": base.0})).unwrap();
        let draft = Draft::new(EntityKind::VIRTUAL_KEY, id.clone(), id, document);
        commit = commit.with(if base.0 < 40 {
            Write::Create(draft)
        } else {
            Write::Replace {
                draft,
                version: None,
            }
        });
    }
    commit
}

/// The process: commits as fast as it can, and prints each revision that was answered.
#[test]
#[ignore = "the process that another test starts and kills"]
fn writer() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test that starts this process says where the file is"
    )]
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = open(Path::new(&file));
    runtime.block_on(async {
        let mut revision = store.load(None).await.unwrap().revision;
        loop {
            revision = store.commit(commit(revision)).await.unwrap().revision;
            println!("\ncommitted {revision}");
        }
    });
}

#[test]
fn a_killed_writer_leaves_whole_commits_and_loses_none_that_was_answered() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gateway.db");
    let program = std::env::current_exe().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut total = 0;
    for round in 0..25 {
        let mut child = Command::new(&program)
            .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let id = child.id();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(fastrand_in(20_000, 120_000, id)));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let answered = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        let answered = answered.max().unwrap_or(total);
        killer.join().unwrap();
        let store = open(&path);
        total = runtime.block_on(whole(&store));
        drop(store);
        assert!(
            (answered..=answered + 1).contains(&total),
            "round {round}: {answered} answered, {total} found"
        );
        assert_eq!(check(&path).unwrap(), [""; 0], "round {round}");
    }
    assert!(total > 25, "the writer hardly wrote: {total}");
}

/// A number between the two that differs from process to process.
fn fastrand_in(from: u64, to: u64, id: u32) -> u64 {
    from + u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15) % (to - from)
}

/// The newest revision, after checking that every commit is there whole.
async fn whole(store: &impl DefinitionStore) -> u64 {
    let loaded = store.load(None).await.unwrap();
    let bases = loaded.revision.0.min(40);
    assert_eq!(loaded.entities.len() as u64, bases * GROUP as u64);
    for entity in &loaded.entities {
        let base = entity.document.to_value().unwrap()["base"]
            .as_u64()
            .unwrap();
        assert_eq!(entity.revision.0, base + 1);
    }
    let groups = loaded
        .entities
        .chunk_by(|one, next| one.id.split('-').next() == next.id.split('-').next());
    for group in groups {
        assert!(
            group
                .iter()
                .all(|entity| entity.revision == group[0].revision),
            "half a commit: {group:?}"
        );
    }
    let query = AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    };
    let rows = store.audit(query).await.unwrap().rows;
    assert_eq!(verify_chain(rows.iter().rev()), Ok(()));
    let newest = rows.first().map_or(0, |row| row.number);
    assert_eq!(newest, loaded.revision.0 * GROUP as u64);
    loaded.revision.0
}
