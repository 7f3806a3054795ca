use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::StoreError;

fn commit(expected: u64, changes: Vec<Change>) -> Commit {
    Commit::new(Revision(expected), Author::new("alice"), 1_000, changes)
}

fn endpoint(id: &str, name: &str) -> Change {
    Change::create(EntityKind::Endpoint, id, name, json!({"strict": true}))
}

#[tokio::test]
async fn a_commit_is_written_whole_or_not_at_all() {
    let store = MemoryDefinitions::new();
    store
        .commit(commit(0, vec![endpoint("1", "a")]))
        .await
        .unwrap();
    let before = store.load().await.unwrap();
    let refused = store
        .commit(commit(1, vec![endpoint("2", "b"), endpoint("3", "a")]))
        .await;
    assert_eq!(refused, Err(StoreError::Exists("endpoint 'a'".to_owned())));
    assert_eq!(store.load().await.unwrap(), before);
    assert_eq!(store.audit(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_who_decided_on_the_same_revision_the_second_is_refused() {
    let store = MemoryDefinitions::new();
    assert_eq!(
        store.commit(commit(0, vec![endpoint("1", "a")])).await,
        Ok(Revision(1))
    );
    let late = store.commit(commit(0, vec![endpoint("2", "b")])).await;
    let Err(StoreError::Conflict {
        expected: 0,
        found: 1,
        ..
    }) = late
    else {
        panic!("{late:?}");
    };
}

#[tokio::test]
async fn an_entity_that_changed_since_it_was_read_is_not_overwritten() {
    let store = MemoryDefinitions::new();
    store
        .commit(commit(0, vec![endpoint("1", "a")]))
        .await
        .unwrap();
    let read = store.load().await.unwrap();
    let read = read.find(EntityKind::Endpoint, "1").unwrap();
    let first = Change::replace(read, "b", json!({}));
    store.commit(commit(1, vec![first])).await.unwrap();
    let second = store.commit(commit(2, vec![Change::remove(read)])).await;
    assert!(
        matches!(
            second,
            Err(StoreError::Conflict {
                expected: 1,
                found: 2,
                ..
            })
        ),
        "{second:?}"
    );
    let rows = store.audit(1, 10).await.unwrap();
    assert_eq!(
        (rows[0].before.clone(), rows[0].after.clone()),
        (Some(json!({"strict": true})), Some(json!({})))
    );
}

#[tokio::test]
async fn a_follower_wakes_with_the_commit() {
    let store = Arc::new(MemoryDefinitions::new());
    let follower = Arc::clone(&store);
    let waiting = tokio::spawn(async move { follower.changed(Revision(0)).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    store
        .commit(commit(0, vec![endpoint("1", "a")]))
        .await
        .unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    assert_eq!(seen.unwrap().unwrap(), Ok(Revision(1)));
}

#[test]
fn the_stable_names_of_kinds_read_back() {
    for kind in EntityKind::ALL {
        assert_eq!(EntityKind::parse(kind.as_str()), Some(kind));
    }
}
