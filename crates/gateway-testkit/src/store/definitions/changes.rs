use std::sync::Arc;

use gateway_store::StoreError;
use gateway_store::definitions::{
    Action, AuditQuery, Author, Commit, EntityKind, EntityRef, Remembered, Revision, Write,
};
use serde_json::json;

use super::{NOW, Store, create, delete, document, draft, replace, sealed};

pub(super) async fn an_entity_lives_from_its_creation_to_its_end(store: &Store) {
    assert_eq!(store.revision().await, Revision(0), "a new store");
    let secret = draft(&EntityKind::SECRET, "s-1", "openai").with_sealed(sealed(1));
    let committed = store.write(vec![Write::Create(secret.clone())]).await;
    let created = store.get(&EntityKind::SECRET, "s-1").await;
    assert_eq!(
        committed.map(|committed| committed.entities).ok(),
        created.clone().map(|created| vec![created]),
        "a commit returns what it stored"
    );
    let read = |entity: &Option<gateway_store::definitions::Entity>| {
        entity.as_ref().map(|entity| {
            (
                entity.version,
                entity.revision.0,
                entity.created_by.clone(),
                entity.created_at,
                entity.updated_at,
                entity.sealed.clone(),
            )
        })
    };
    let admin = Some("admin".to_owned());
    let expected = (1, 1, admin.clone(), NOW, NOW, Some(sealed(1)));
    assert_eq!(read(&created), Some(expected), "created");

    let mut changed = secret.clone();
    changed.document = document(&json!({"provider": "openai"}));
    changed.sealed = Some(sealed(2));
    store.must(vec![replace(changed.clone())]).await;
    let replaced = store.get(&EntityKind::SECRET, "s-1").await;
    let expected = (2, 2, admin, NOW, NOW + 1, Some(sealed(2)));
    assert_eq!(read(&replaced), Some(expected), "replaced");
    let text = replaced.map(|entity| entity.document);
    assert_eq!(text, Some(changed.document), "the whole document");

    store.must(vec![delete(&EntityKind::SECRET, "s-1")]).await;
    assert_eq!(store.get(&EntityKind::SECRET, "s-1").await, None, "deleted");
    for write in [delete(&EntityKind::SECRET, "s-1"), replace(secret)] {
        let refused = store.write(vec![write]).await;
        let gone = EntityRef::new(EntityKind::SECRET, "s-1");
        assert_eq!(refused, Err(StoreError::NotFound(gone)), "gone");
    }
}

pub(super) async fn a_commit_for_another_revision_is_refused_with_what_changed(store: &Store) {
    let read = store
        .must(vec![create(&EntityKind::MODEL_DEFINITION, "m-1", "fast")])
        .await;
    store
        .must(vec![replace(draft(
            &EntityKind::MODEL_DEFINITION,
            "m-1",
            "faster",
        ))])
        .await;
    let newest = store
        .must(vec![delete(&EntityKind::MODEL_DEFINITION, "m-1")])
        .await;
    let refused = store
        .commit(
            read,
            vec![create(&EntityKind::MODEL_DEFINITION, "m-2", "slow")],
        )
        .await;
    let Err(StoreError::Conflict {
        base,
        current,
        changes,
    }) = &refused
    else {
        assert!(refused.is_err(), "a conflict is expected");
        return;
    };
    assert_eq!((*base, *current), (read, newest), "both revisions");
    let found: Vec<_> = changes
        .iter()
        .map(|change| (change.action, change.name.as_str(), change.actor.as_deref()))
        .collect();
    let expected = [
        (Action::Replace, "faster", Some("admin")),
        (Action::Delete, "faster", Some("admin")),
    ];
    assert_eq!(found, expected, "what changed, oldest first");
    let text = refused.map_err(|error| error.to_string());
    let expected = "the configuration changed from revision 1 to 3 meanwhile: admin changed model_definition `faster`, admin deleted model_definition `faster`";
    assert_eq!(text.err().as_deref(), Some(expected), "in words");
    assert_eq!(
        store.get(&EntityKind::MODEL_DEFINITION, "m-2").await,
        None,
        "nothing"
    );
    assert_eq!(store.revision().await, newest, "no revision");
    let ahead = store.commit(Revision(99), Vec::new()).await;
    assert!(
        matches!(&ahead, Err(StoreError::Conflict { changes, .. }) if changes.is_empty()),
        "a revision of the future: {ahead:?}"
    );
}

pub(super) async fn a_version_that_is_not_the_one_expected_is_refused(store: &Store) {
    store
        .must(vec![create(&EntityKind::TEAM, "t", "team")])
        .await;
    store
        .must(vec![replace(draft(&EntityKind::TEAM, "t", "team"))])
        .await;
    let replace = |version| Write::Replace {
        draft: draft(&EntityKind::TEAM, "t", "other"),
        version,
    };
    let remove = |version| Write::Delete {
        entity: EntityRef::new(EntityKind::TEAM, "t"),
        version,
    };
    for write in [replace(Some(1)), remove(Some(1)), remove(Some(3))] {
        let refused = store.write(vec![write]).await;
        assert!(
            matches!(&refused, Err(StoreError::Stale { found: 2, updated_by: Some(by), updated_at, .. })
                if by == "admin" && *updated_at == NOW + 1),
            "stale: {refused:?}"
        );
    }
    store.must(vec![replace(Some(2))]).await;
    store.must(vec![remove(Some(3))]).await;
}

pub(super) async fn names_are_unique_and_can_move_within_a_commit(store: &Store) {
    let kind = &EntityKind::ENDPOINT;
    store
        .must(vec![create(kind, "1", "a"), create(kind, "2", "b")])
        .await;
    let taken = |name: &str, id: &str| StoreError::NameTaken {
        kind: kind.clone(),
        workspace: "default".to_owned(),
        name: name.to_owned(),
        id: id.to_owned(),
    };
    let refused = store.write(vec![create(kind, "3", "a")]).await;
    assert_eq!(refused, Err(taken("a", "1")), "a name that is taken");
    let twice = vec![create(kind, "3", "c"), create(kind, "4", "c")];
    assert_eq!(store.write(twice).await, Err(taken("c", "3")), "twice");
    let refused = store.write(vec![create(kind, "1", "z")]).await;
    let there = EntityRef::new(kind.clone(), "1");
    assert_eq!(refused, Err(StoreError::IdTaken(there)), "an id");

    let mut elsewhere = draft(kind, "3", "a");
    "other".clone_into(&mut elsewhere.workspace);
    store
        .must(vec![
            Write::Create(elsewhere),
            create(&EntityKind::ROUTE, "1", "a"),
        ])
        .await;
    store
        .must(vec![
            replace(draft(kind, "1", "b")),
            replace(draft(kind, "2", "a")),
        ])
        .await;
    let name = store.get(kind, "1").await.map(|entity| entity.name);
    assert_eq!(name.as_deref(), Some("b"), "names change places");
    store
        .must(vec![delete(kind, "2"), create(kind, "5", "a")])
        .await;
    store
        .must(vec![create(kind, "6", "b"), replace(draft(kind, "1", "c"))])
        .await;
}

pub(super) async fn a_commit_is_made_whole_or_not_at_all(store: &Store) {
    let kind = &EntityKind::VIRTUAL_KEY;
    let before = store.must(vec![create(kind, "k-0", "zero")]).await;
    let bad: [Write; 4] = [
        create(kind, "k-0", "again"),
        create(kind, "k-9", "zero"),
        delete(kind, "nothing"),
        Write::Delete {
            entity: EntityRef::new(kind.clone(), "k-0"),
            version: Some(7),
        },
    ];
    for (at, write) in bad.into_iter().enumerate() {
        let mut writes: Vec<Write> = (1..20)
            .map(|n| create(kind, &format!("k-1{n}"), &format!("{n}")))
            .collect();
        writes.insert(at * 6, write);
        let refused = store.write(writes).await;
        assert!(refused.is_err(), "one bad change of twenty");
        let loaded = store.load(None).await;
        assert_eq!(
            (loaded.revision, loaded.entities.len()),
            (before, 1),
            "nothing"
        );
        let rows = store.0.audit(AuditQuery::default()).await;
        assert_eq!(rows.map(|page| page.rows.len()).ok(), Some(1), "no row");
    }
}

pub(super) async fn an_idempotency_key_answers_once(store: &Store) {
    let answer = Remembered {
        key: "admin/abc".to_owned(),
        fingerprint: vec![1, 2, 3],
        status: 201,
        body: "{\"id\": \"m-1\"}".to_owned(),
        expires_at: NOW + 1000,
    };
    let commit = |base, id: &str, at| {
        Commit::new(base, Author::default(), at)
            .with(create(&EntityKind::MODEL_DEFINITION, id, id))
            .remember(answer.clone())
    };
    let first = store.0.commit(commit(Revision(0), "m-1", NOW)).await;
    assert!(first.is_ok(), "{first:?}");
    // Before the conflict: who repeats a request has an old revision.
    let repeated = store.0.commit(commit(Revision(0), "m-2", NOW + 1)).await;
    let expected = StoreError::Repeated(Box::new(answer.clone()));
    assert_eq!(repeated, Err(expected), "the first answer");
    let recalled = store.0.recall(answer.key.clone(), NOW + 999).await;
    assert_eq!(recalled, Ok(Some(answer.clone())), "recalled");
    let unknown = store.0.recall("admin/abd".to_owned(), NOW).await;
    assert_eq!(unknown, Ok(None), "another key");
    let expired = store.0.recall(answer.key.clone(), NOW + 1000).await;
    assert_eq!(expired, Ok(None), "expired");
    let again = store.0.commit(commit(Revision(1), "m-2", NOW + 2000)).await;
    assert!(again.is_ok(), "a key that expired is new: {again:?}");
}

pub(super) async fn writers_at_once_lose_nothing(store: &Store) {
    const WRITERS: usize = 6;
    const COMMITS: usize = 5;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = Store(Arc::clone(&store.0));
        tasks.push(tokio::spawn(async move {
            for n in 0..COMMITS {
                let name = format!("{writer}-{n}");
                for tries in 0.. {
                    assert!(tries < 1000, "a writer never wins");
                    match store
                        .write(vec![create(&EntityKind::VIRTUAL_KEY, &name, &name)])
                        .await
                    {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(error) => assert!(tries > 1000, "{error}"),
                    }
                }
            }
        }));
    }
    for task in tasks {
        let ended = task.await;
        assert!(ended.is_ok(), "a writer: {ended:?}");
    }
    let loaded = store.load(None).await;
    assert_eq!(loaded.revision.0, 30, "a revision each");
    assert_eq!(loaded.entities.len(), WRITERS * COMMITS, "all");
    super::reads::chain(store, WRITERS * COMMITS).await;
}

pub(super) async fn a_large_commit_is_made(store: &Store) {
    let writes = |prefix: &str| {
        (0..2000)
            .map(|n| {
                create(
                    &EntityKind::VIRTUAL_KEY,
                    &format!("{prefix}{n}"),
                    &format!("{prefix}{n}"),
                )
            })
            .collect::<Vec<_>>()
    };
    let revision = store.must(writes("a")).await;
    assert_eq!(store.load(None).await.entities.len(), 2000);
    store.must(writes("b")).await;
    let since = store.load(Some(revision)).await;
    assert_eq!(since.entities.len(), 2000, "only the second");
}
