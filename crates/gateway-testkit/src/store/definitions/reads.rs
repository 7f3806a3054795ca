use std::sync::Arc;
use std::time::Duration;

use gateway_store::definitions::{
    Action, AuditQuery, Author, Commit, Cursor, Entity, EntityKind, EntityRef, FieldFilter, List,
    NodeState, Order, Revision, Write, verify_chain,
};
use serde_json::json;

use super::{NOW, Store, create, delete, document, draft, replace, sealed};

pub(super) async fn what_changed_since_a_revision_is_exactly_that(store: &Store) {
    let ids = |entities: &[Entity]| -> Vec<String> {
        entities.iter().map(|entity| entity.id.clone()).collect()
    };
    let empty = store.load(Some(Revision(0))).await;
    assert!(!empty.whole && empty.entities.is_empty(), "nothing yet");
    let first = store
        .must(vec![
            create(&EntityKind::MODEL_DEFINITION, "1", "a"),
            create(&EntityKind::MODEL_DEFINITION, "2", "b"),
            create(&EntityKind::VIRTUAL_KEY, "1", "c"),
        ])
        .await;
    let second = store
        .must(vec![
            replace(draft(&EntityKind::MODEL_DEFINITION, "2", "b2")),
            delete(&EntityKind::MODEL_DEFINITION, "1"),
            create(&EntityKind::ROUTE, "9", "r"),
        ])
        .await;
    let third = store
        .must(vec![
            create(&EntityKind::MODEL_DEFINITION, "1", "again"),
            delete(&EntityKind::ROUTE, "9"),
        ])
        .await;
    let whole = store.load(None).await;
    assert!(whole.whole && whole.removed.is_empty() && whole.revision == third);
    assert_eq!(ids(&whole.entities), ["1", "2", "1"], "by kind and id");
    let since = store.load(Some(first)).await;
    assert!(!since.whole && since.revision == third, "a part");
    assert_eq!(ids(&since.entities), ["1", "2"], "created again, replaced");
    assert_eq!(
        since.removed,
        [EntityRef::new(EntityKind::ROUTE, "9")],
        "gone"
    );
    let since = store.load(Some(second)).await;
    assert_eq!(ids(&since.entities), ["1"]);
    assert_eq!(since.removed, [EntityRef::new(EntityKind::ROUTE, "9")]);
    let since = store.load(Some(third)).await;
    assert!(since.entities.is_empty() && since.removed.is_empty() && !since.whole);
    let future = store.load(Some(Revision(99))).await;
    assert!(future.whole, "a store that was put back answers with all");
}

pub(super) async fn pages_show_every_entity_once_while_others_come_and_go(store: &Store) {
    let kind = &EntityKind::ENDPOINT;
    let names: Vec<String> = (0..25).map(|n| format!("e{n:02}")).collect();
    for chunk in names.chunks(10) {
        let writes = chunk.iter().map(|name| create(kind, name, name));
        store.must(writes.collect()).await;
    }
    for order in [Order::Name, Order::Newest] {
        let mut list = List::of(kind.clone());
        (list.order, list.limit) = (order, 4);
        let mut seen = Vec::new();
        loop {
            let page = store.0.list(list.clone()).await;
            assert!(page.is_ok(), "list: {page:?}");
            let Ok(page) = page else { return };
            assert!(page.entities.len() <= 4, "at most the limit");
            seen.extend(page.entities.iter().map(|entity| entity.name.clone()));
            // Behind and in front of the position, neither of which was there when the list began.
            let (one, other) = (format!("a{}", seen.len()), format!("z{}", seen.len()));
            store
                .must(vec![create(kind, &one, &one), create(kind, &other, &other)])
                .await;
            store
                .must(vec![delete(kind, &one), delete(kind, &other)])
                .await;
            let Some(next) = page.next else { break };
            let text = next.to_text();
            list.after = Cursor::from_text(order, &text).ok();
            assert_eq!(list.after, Some(next), "a cursor survives as text");
        }
        let mut sorted = seen.clone();
        sorted.sort();
        assert_eq!(sorted, names, "each once: {order:?}");
        assert_eq!(seen == names, order == Order::Name, "{order:?}: {seen:?}");
    }
    for text in ["", "zz", "5b", "00ff", &"ab".repeat(9000)] {
        assert!(Cursor::from_text(Order::Name, text).is_err(), "{text}");
    }
}

pub(super) async fn filters_select(store: &Store) {
    let kind = &EntityKind::MODEL_DEFINITION;
    let mut writes = Vec::new();
    let names = ["Zeta", "alpha", "beta", "ALPHAbet", "\u{e9}clair", "%", "_"];
    for (n, name) in names.into_iter().enumerate() {
        let mut draft = draft(kind, &format!("{n}"), name);
        let provider = if n % 2 == 0 { "openai" } else { "anthropic" };
        draft.document =
            document(&json!({"provider": provider, "n": n, "nested": {"provider": "x"}}));
        if n == 0 {
            "other".clone_into(&mut draft.workspace);
        }
        writes.push(Write::Create(draft));
    }
    writes.push(create(&EntityKind::VIRTUAL_KEY, "0", "alpha"));
    store.must(writes).await;
    let all = List::of(kind.clone());
    let found = async |list: List| -> Vec<String> {
        let page = store.0.list(list).await;
        assert!(page.is_ok(), "list: {page:?}");
        let entities = page.map(|page| page.entities).unwrap_or_default();
        entities.into_iter().map(|entity| entity.name).collect()
    };
    let bytes = ["%", "ALPHAbet", "Zeta", "_", "alpha", "beta", "\u{e9}clair"];
    assert_eq!(found(all.clone()).await, bytes, "in the order of bytes");
    let containing = |text: &str| List {
        contains: Some(text.to_owned()),
        ..all.clone()
    };
    assert_eq!(found(containing("aLPha")).await, ["ALPHAbet", "alpha"]);
    assert_eq!(found(containing("%")).await, ["%"], "no wildcard");
    assert_eq!(found(containing("_")).await, ["_"], "no wildcard");
    assert_eq!(found(containing("\u{c9}")).await, [""; 0], "ASCII only");
    let other = List {
        workspace: Some("other".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(other).await, ["Zeta"]);
    let with = |name: &str, value: &str| List {
        field: FieldFilter::new(name, value),
        ..all.clone()
    };
    let anthropic = found(with("provider", "anthropic")).await;
    assert_eq!(anthropic, ["%", "ALPHAbet", "alpha"], "by a member");
    assert_eq!(found(with("n", "1")).await, [""; 0], "strings only");
    assert_eq!(found(with("absent", "1")).await, [""; 0], "no member");
    assert!(FieldFilter::new("a.b", "x").is_none() && FieldFilter::new("", "x").is_none());
}

pub(super) async fn audit_rows_are_chained_and_hold_no_credential(store: &Store) {
    let author = Author {
        actor: Some("eve".to_owned()),
        source: Some("192.0.2.7".to_owned()),
        request_id: Some("r-1".to_owned()),
        reason: Some("rotation".to_owned()),
    };
    let secret = draft(&EntityKind::SECRET, "s", "name").with_sealed(sealed(7));
    store
        .must(vec![
            Write::Create(secret.clone()),
            create(&EntityKind::VIRTUAL_KEY, "k", "key"),
        ])
        .await;
    let commit = Commit::new(Revision(1), author.clone(), NOW + 500)
        .with(replace(secret.clone().with_sealed(sealed(8))))
        .with(delete(&EntityKind::VIRTUAL_KEY, "k"));
    let committed = store.0.commit(commit).await;
    assert!(committed.is_ok(), "{committed:?}");
    let rows = chain(store, 4).await;
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.number,
                row.action,
                row.sealed_changed,
                row.before.is_some(),
                row.after.is_some(),
            )
        })
        .collect();
    let expected = [
        (4, Action::Delete, false, true, false),
        (3, Action::Replace, true, true, true),
        (2, Action::Create, false, false, true),
        (1, Action::Create, true, false, true),
    ];
    assert_eq!(found, expected, "newest first");
    assert!(
        rows.iter().take(2).all(|row| row.author == author),
        "by whom"
    );
    let printed = format!("{rows:?}");
    assert!(!printed.contains("0808"), "no ciphertext: {printed}");
    audit_rows_are_found(store).await;
}

/// Of the four rows that the store has now.
async fn audit_rows_are_found(store: &Store) {
    let of = async |query: AuditQuery| -> Vec<u64> {
        let page = store.0.audit(query).await;
        assert!(page.is_ok(), "audit: {page:?}");
        page.unwrap_or_default()
            .rows
            .iter()
            .map(|row| row.number)
            .collect()
    };
    let all = AuditQuery::default;
    assert_eq!(
        of(AuditQuery {
            kind: Some(EntityKind::VIRTUAL_KEY),
            ..all()
        })
        .await,
        [4, 2]
    );
    assert_eq!(
        of(AuditQuery {
            id: Some("s".to_owned()),
            ..all()
        })
        .await,
        [3, 1]
    );
    assert_eq!(
        of(AuditQuery {
            actor: Some("eve".to_owned()),
            ..all()
        })
        .await,
        [4, 3]
    );
    assert_eq!(
        of(AuditQuery {
            from: Some(NOW + 500),
            ..all()
        })
        .await,
        [4, 3]
    );
    assert_eq!(
        of(AuditQuery {
            to: Some(NOW + 500),
            ..all()
        })
        .await,
        [2, 1]
    );
    assert_eq!(
        of(AuditQuery {
            before: Some(3),
            ..all()
        })
        .await,
        [2, 1]
    );
    assert_eq!(of(AuditQuery { limit: 1, ..all() }).await, [4]);
}

/// All audit rows, newest first, after checking that there are so many and that they are chained.
pub(super) async fn chain(
    store: &Store,
    count: usize,
) -> Vec<gateway_store::definitions::AuditRow> {
    let query = AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    };
    let page = store.0.audit(query).await;
    let rows = page.map(|page| page.rows).unwrap_or_default();
    assert_eq!(rows.len(), count, "a row for each change");
    assert_eq!(verify_chain(rows.iter().rev()), Ok(()), "the chain");
    let mut forged = rows.clone();
    if let Some(row) = forged.last_mut() {
        row.author.actor = Some("somebody else".to_owned());
    }
    assert!(verify_chain(forged.iter().rev()).is_err(), "a forged row");
    rows
}

pub(super) async fn a_change_wakes_who_waits(store: &Store) {
    let now = store.0.changed(Revision(7)).await;
    assert_eq!(now, Ok(Revision(0)), "another revision than the newest");
    let waiting = Arc::clone(&store.0);
    let waiting = tokio::spawn(async move { waiting.changed(Revision(0)).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished(), "nothing changed");
    store
        .must(vec![create(&EntityKind::VIRTUAL_KEY, "k", "key")])
        .await;
    let woken = tokio::time::timeout(Duration::from_secs(2), waiting).await;
    assert!(matches!(woken, Ok(Ok(Ok(Revision(1))))), "woken: {woken:?}");
}

pub(super) async fn nodes_are_reported_by_name(store: &Store) {
    let node = |name: &str, seen_at, problem: Option<&str>| NodeState {
        name: name.to_owned(),
        app: "0.1.0".to_owned(),
        seen_at,
        revision: Revision(3),
        problem: problem.map(str::to_owned),
    };
    for node in [
        node("b", 1, Some("why")),
        node("a", 2, None),
        node("b", 3, None),
    ] {
        assert_eq!(store.0.heartbeat(node).await, Ok(()));
    }
    let expected = vec![node("a", 2, None), node("b", 3, None)];
    assert_eq!(store.0.nodes().await, Ok(expected));
    assert_eq!(store.revision().await, Revision(0), "no new revision");
}
