//! What every store of configuration must do.

mod changes;
mod hostile;
mod reads;

use std::future::Future;
use std::sync::Arc;

use gateway_store::StoreError;
use gateway_store::definitions::{
    Author, Commit, Committed, DefinitionStore, Document, Draft, Entity, EntityKind, EntityRef,
    Loaded, Revision, SealedValue, Write,
};
use serde_json::{Value, json};

/// Stores under test.
pub trait DefinitionBench: Send + Sync {
    /// A new, empty store.
    fn fresh(&self) -> impl Future<Output = Arc<dyn DefinitionStore>> + Send;
}

/// Every rule of [`DefinitionStore`], each on a store of its own.
///
/// # Panics
/// When a rule is broken, with its name.
pub async fn definitions(bench: &impl DefinitionBench) {
    changes::an_entity_lives_from_its_creation_to_its_end(&Store(bench.fresh().await)).await;
    changes::a_commit_for_another_revision_is_refused_with_what_changed(&Store(
        bench.fresh().await,
    ))
    .await;
    changes::a_version_that_is_not_the_one_expected_is_refused(&Store(bench.fresh().await)).await;
    changes::names_are_unique_and_can_move_within_a_commit(&Store(bench.fresh().await)).await;
    changes::a_commit_is_made_whole_or_not_at_all(&Store(bench.fresh().await)).await;
    changes::an_idempotency_key_answers_once(&Store(bench.fresh().await)).await;
    changes::writers_at_once_lose_nothing(&Store(bench.fresh().await)).await;
    changes::a_large_commit_is_made(&Store(bench.fresh().await)).await;
    reads::what_changed_since_a_revision_is_exactly_that(&Store(bench.fresh().await)).await;
    reads::pages_show_every_entity_once_while_others_come_and_go(&Store(bench.fresh().await)).await;
    reads::filters_select(&Store(bench.fresh().await)).await;
    reads::audit_rows_are_chained_and_hold_no_credential(&Store(bench.fresh().await)).await;
    reads::a_change_wakes_who_waits(&Store(bench.fresh().await)).await;
    reads::nodes_are_reported_by_name(&Store(bench.fresh().await)).await;
    hostile::what_is_written_is_what_is_read(&Store(bench.fresh().await)).await;
    hostile::values_outside_their_bounds_are_refused(&Store(bench.fresh().await)).await;
}

/// The time of the suite, in milliseconds since 1970.
const NOW: u64 = 1_796_000_000_000;

/// A store with shortcuts.
struct Store(Arc<dyn DefinitionStore>);

impl Store {
    async fn load(&self, since: Option<Revision>) -> Loaded {
        let loaded = self.0.load(since).await;
        assert!(loaded.is_ok(), "load: {loaded:?}");
        loaded.unwrap_or_default()
    }

    async fn revision(&self) -> Revision {
        self.load(None).await.revision
    }

    async fn get(&self, kind: &EntityKind, id: &str) -> Option<Entity> {
        let found = self.0.get(EntityRef::new(kind.clone(), id)).await;
        assert!(found.is_ok(), "get: {found:?}");
        found.ok().flatten()
    }

    /// Commits on the newest revision.
    async fn write(&self, writes: Vec<Write>) -> Result<Committed, StoreError> {
        let base = self.revision().await;
        self.commit(base, writes).await
    }

    async fn commit(&self, base: Revision, writes: Vec<Write>) -> Result<Committed, StoreError> {
        let mut commit = Commit::new(base, Author::named("admin"), NOW + base.0);
        commit.writes = writes;
        self.0.commit(commit).await
    }

    /// Commits what must succeed, and returns the new revision.
    async fn must(&self, writes: Vec<Write>) -> Revision {
        let committed = self.write(writes).await;
        assert!(committed.is_ok(), "commit: {committed:?}");
        committed
            .map(|committed| committed.revision)
            .unwrap_or_default()
    }
}

fn document(value: &Value) -> Document {
    let document = Document::from_value(value);
    assert!(document.is_ok(), "{document:?}");
    document.unwrap_or_else(|_| Document::from_row("{}"))
}

fn draft(kind: &EntityKind, id: &str, name: &str) -> Draft {
    Draft::new(
        kind.clone(),
        id,
        name,
        document(&json!({"of": name.replace('\0', "")})),
    )
}

fn create(kind: &EntityKind, id: &str, name: &str) -> Write {
    Write::Create(draft(kind, id, name))
}

fn replace(draft: Draft) -> Write {
    Write::Replace {
        draft,
        version: None,
    }
}

fn delete(kind: &EntityKind, id: &str) -> Write {
    Write::Delete {
        entity: EntityRef::new(kind.clone(), id),
        version: None,
    }
}

fn sealed(byte: u8) -> SealedValue {
    SealedValue {
        value: vec![byte; 40],
        wrapped_key: vec![byte; 60],
        kek: format!("{byte:016x}"),
    }
}
