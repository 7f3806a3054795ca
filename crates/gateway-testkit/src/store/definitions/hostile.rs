use gateway_store::StoreError;
use gateway_store::definitions::{
    AuditQuery, Author, Commit, Document, EntityKind, FieldFilter, List, Remembered, Revision,
    Write,
};
use serde_json::{Map, Value, json};

use super::{NOW, Store, create, delete, document, draft};

/// Pieces that mean something to a database, a pattern, a path, JSON or a terminal.
const PIECES: [&str; 28] = [
    "'",
    "\"",
    "`",
    ";",
    "--",
    "/*",
    "*/",
    "\\",
    "%",
    "_",
    "$1",
    "?1",
    ":name",
    "@x",
    "''",
    "'); DROP TABLE entity; --",
    "\u{1b}[31m",
    "\n",
    "\t",
    "\u{7f}",
    "\u{feff}",
    "\u{202e}",
    "\u{1f600}",
    "e\u{301}",
    "\\u0000",
    "{}",
    "$.a",
    "NULL",
];

fn text() -> String {
    let count = fastrand::usize(1..8);
    (0..count)
        .filter_map(|_| fastrand::choice(PIECES))
        .collect()
}

fn value(depth: u8) -> Value {
    match fastrand::u8(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(fastrand::bool()),
        2 => json!(fastrand::i64(..)),
        3 => json!(fastrand::f64() * 1e9),
        4 => json!(text()),
        5 => (0..3).map(|_| value(depth - 1)).collect(),
        _ => Value::Object(object(depth - 1)),
    }
}

fn object(depth: u8) -> Map<String, Value> {
    (0..3).map(|_| (text(), value(depth))).collect()
}

pub(super) async fn what_is_written_is_what_is_read(store: &Store) {
    let seed = fastrand::get_seed();
    for round in 0..60 {
        let mut object = object(2);
        let wanted = text();
        object.insert("member".to_owned(), json!(wanted));
        let mut draft = draft(
            &EntityKind::MODEL_DEFINITION,
            &format!("{round}{}", text()),
            &format!("{round}{}", text()),
        );
        draft.document = document(&Value::Object(object.clone()));
        draft.workspace = text();
        let author = Author {
            actor: Some(text()),
            source: Some(text()),
            request_id: Some(text()),
            reason: Some(text()),
        };
        let answer = Remembered {
            key: format!("{round}{}", text()),
            fingerprint: vec![0, 255, 39],
            status: 200,
            body: text(),
            expires_at: NOW * 2,
        };
        let commit = Commit::new(Revision(round), author.clone(), NOW)
            .with(Write::Create(draft.clone()))
            .remember(answer.clone());
        let committed = store.0.commit(commit).await;
        assert!(committed.is_ok(), "seed {seed}: {committed:?}");

        let read = store.get(&EntityKind::MODEL_DEFINITION, &draft.id).await;
        let Some(read) = read else {
            assert!(read.is_some(), "seed {seed}: {draft:?}");
            return;
        };
        assert_eq!(
            (&read.id, &read.name),
            (&draft.id, &draft.name),
            "seed {seed}"
        );
        assert_eq!(read.workspace, draft.workspace, "seed {seed}");
        assert_eq!(read.created_by, author.actor, "seed {seed}");
        let parsed = read.document.to_value().ok();
        assert_eq!(parsed, Some(Value::Object(object)), "seed {seed}");
        let list = List {
            workspace: Some(draft.workspace.clone()),
            contains: Some(draft.name.to_uppercase()),
            field: FieldFilter::new("member", wanted),
            ..List::of(EntityKind::MODEL_DEFINITION)
        };
        let page = store.0.list(list).await;
        let found = page.is_ok_and(|page| page.entities.contains(&read));
        assert!(
            found || !draft.name.is_ascii(),
            "seed {seed}: {draft:?} is listed"
        );
        let query = AuditQuery {
            id: Some(draft.id.clone()),
            actor: author.actor.clone(),
            ..AuditQuery::default()
        };
        let rows = store.0.audit(query).await.map(|page| page.rows);
        let authors: Vec<Author> = rows.into_iter().flatten().map(|row| row.author).collect();
        assert_eq!(authors, [author], "seed {seed}");
        let recalled = store.0.recall(answer.key.clone(), NOW).await;
        assert_eq!(recalled, Ok(Some(answer)), "seed {seed}");
    }
    super::reads::chain(store, 60).await;
    assert_eq!(store.load(None).await.entities.len(), 60, "all are there");
}

pub(super) async fn values_outside_their_bounds_are_refused(store: &Store) {
    let kind = &EntityKind::VIRTUAL_KEY;
    let long = "x".repeat(2000);
    let mut odd = draft(kind, "a", "a");
    odd.workspace = String::new();
    let bad: [Vec<Write>; 8] = [
        vec![create(kind, "", "a")],
        vec![create(kind, "a", "")],
        vec![create(kind, "a\0", "a")],
        vec![create(kind, "a", "a\0b")],
        vec![create(kind, &long, "a")],
        vec![create(kind, "a", &long)],
        vec![Write::Create(odd)],
        vec![create(kind, "a", "a"), delete(kind, "a")],
    ];
    for writes in bad {
        let shown = format!("{writes:?}").chars().take(80).collect::<String>();
        let refused = store.write(writes).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{shown}: {refused:?}"
        );
    }
    assert_eq!(store.revision().await, Revision(0), "nothing changed");
    for value in [
        json!([]),
        json!({"a": "\0"}),
        json!({"a\0": 1}),
        json!({"a": "x".repeat(2 << 20)}),
    ] {
        assert!(Document::from_value(&value).is_err());
    }
    assert!(
        EntityKind::new("").is_none()
            && EntityKind::new("A").is_none()
            && EntityKind::new("a-b").is_none()
    );
    assert_eq!(
        EntityKind::new("virtual_key"),
        Some(EntityKind::VIRTUAL_KEY)
    );
}
