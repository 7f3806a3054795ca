//! The configuration in memory: for tests and for embedders without a database.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::audit::{AuditPage, AuditQuery, AuditRow};
use super::change::{Commit, Committed, Remembered};
use super::entity::{Entity, EntityRef, Revision};
use super::prepare::{Existing, NameKey, prepare};
use super::query::{Cursor, List, Order, Page};
use super::{DefinitionStore, Loaded, NodeState};
use crate::shared::LinkStatus;
use crate::{StoreError, StoreFuture};

/// How many changes a conflict lists.
const LISTED_CHANGES: usize = 100;

#[derive(Debug, Default)]
struct State {
    revision: Revision,
    entities: BTreeMap<EntityRef, Entity>,
    names: HashMap<NameKey, String>,
    audit: Vec<AuditRow>,
    answers: HashMap<String, Remembered>,
    nodes: BTreeMap<String, NodeState>,
    waiting: Vec<Waker>,
}

/// Keeps the configuration of one process in memory.
#[derive(Debug, Default)]
pub struct MemoryDefinitions(Mutex<State>);

impl MemoryDefinitions {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A change is made by assignments that cannot fail, so a poisoned state is a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn load(&self, since: Option<Revision>) -> Loaded {
        let since = since.filter(|since| *since <= self.revision);
        let mut loaded = Loaded {
            revision: self.revision,
            whole: since.is_none(),
            ..Loaded::default()
        };
        let after = since.unwrap_or_default();
        let changed = |entity: &&Entity| since.is_none() || entity.revision > after;
        loaded.entities = self.entities.values().filter(changed).cloned().collect();
        if since.is_some() {
            let rows = self.audit.iter().filter(|row| row.revision > after);
            let gone = rows.filter(|row| !self.entities.contains_key(&row.entity));
            loaded.removed = gone.map(|row| row.entity.clone()).collect();
            loaded.removed.sort();
            loaded.removed.dedup();
        }
        loaded
    }

    fn list(&self, list: &List) -> Page {
        let start = list
            .after
            .clone()
            .unwrap_or_else(|| Cursor::start(list.order));
        let entities = self.entities.values();
        let mut found: Vec<&Entity> = entities
            .filter(|entity| list.selects(entity) && start.precedes(entity))
            .collect();
        match list.order {
            Order::Name => found.sort_by_key(|entity| (&entity.name, &entity.id)),
            Order::Newest => {
                found.sort_by_key(|entity| std::cmp::Reverse((entity.created_at, &entity.id)));
            }
        }
        let most = list.bounded_limit() as usize + 1;
        let found = found.into_iter().take(most).cloned().collect();
        list.page(found, self.revision)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Committed, StoreError> {
        commit.check()?;
        self.answers
            .retain(|_, answer| answer.expires_at > commit.at);
        let key = commit.remember.as_ref().map(|answer| &answer.key);
        if let Some(answer) = key.and_then(|key| self.answers.get(key)) {
            return Err(StoreError::Repeated(Box::new(answer.clone())));
        }
        if commit.base != self.revision {
            let rows = self.audit.iter().filter(|row| row.revision > commit.base);
            return Err(StoreError::Conflict {
                base: commit.base,
                current: self.revision,
                changes: rows.take(LISTED_CHANGES).map(AuditRow::change).collect(),
            });
        }
        let prepared = prepare(commit, &self.existing(commit))?;
        for reference in &prepared.removed {
            if let Some(gone) = self.entities.remove(reference) {
                self.names.remove(&(gone.kind, gone.workspace, gone.name));
            }
        }
        for entity in &prepared.stored {
            let name = (
                entity.kind.clone(),
                entity.workspace.clone(),
                entity.name.clone(),
            );
            self.names.insert(name, entity.id.clone());
            self.entities.insert(entity.reference(), entity.clone());
        }
        self.audit.extend(prepared.audit);
        self.revision = prepared.revision;
        if let Some(answer) = &commit.remember {
            self.answers.insert(answer.key.clone(), answer.clone());
        }
        self.waiting.drain(..).for_each(Waker::wake);
        Ok(Committed {
            revision: prepared.revision,
            entities: prepared.stored,
        })
    }

    fn existing(&self, commit: &Commit) -> Existing {
        let written = commit.writes.iter().map(super::Write::reference);
        let named = commit.names();
        Existing {
            entities: written
                .filter_map(|reference| {
                    Some((reference.clone(), self.entities.get(&reference)?.clone()))
                })
                .collect(),
            owners: named
                .filter_map(|name| Some((name.clone(), self.names.get(&name)?.clone())))
                .collect(),
            last_audit: self
                .audit
                .last()
                .map_or((0, [0; 32]), |row| (row.number, row.hash)),
        }
    }

    fn audit(&self, query: &AuditQuery) -> AuditPage {
        let limit = query.bounded_limit() as usize;
        let rows = self.audit.iter().rev().filter(|row| query.selects(row));
        let mut rows: Vec<AuditRow> = rows.take(limit + 1).cloned().collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        AuditPage { rows, more }
    }
}

/// A future that is ready.
fn ready<'a, T: Send + 'a>(outcome: Result<T, StoreError>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(outcome))
}

impl DefinitionStore for MemoryDefinitions {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn status(&self) -> LinkStatus {
        LinkStatus::new(true, None)
    }

    fn revision(&self) -> StoreFuture<'_, Revision> {
        ready(Ok(self.state().revision))
    }

    fn load(&self, since: Option<Revision>) -> StoreFuture<'_, Loaded> {
        ready(Ok(self.state().load(since)))
    }

    fn get(&self, entity: EntityRef) -> StoreFuture<'_, Option<Entity>> {
        ready(Ok(self.state().entities.get(&entity).cloned()))
    }

    fn list(&self, list: List) -> StoreFuture<'_, Page> {
        ready(Ok(self.state().list(&list)))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        ready(self.state().commit(&commit))
    }

    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = self.state();
            if state.revision == known {
                // A future that was dropped leaves its waker until the next commit: one for each that waited.
                if !state
                    .waiting
                    .iter()
                    .any(|waker| waker.will_wake(context.waker()))
                {
                    state.waiting.push(context.waker().clone());
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(state.revision))
        }))
    }

    fn audit(&self, query: AuditQuery) -> StoreFuture<'_, AuditPage> {
        ready(Ok(self.state().audit(&query)))
    }

    fn recall(&self, key: String, now: u64) -> StoreFuture<'_, Option<Remembered>> {
        let answer = self.state().answers.get(&key).cloned();
        ready(Ok(answer.filter(|answer| answer.expires_at > now)))
    }

    fn heartbeat(&self, node: NodeState) -> StoreFuture<'_, ()> {
        self.state().nodes.insert(node.name.clone(), node);
        ready(Ok(()))
    }

    fn nodes(&self) -> StoreFuture<'_, Vec<NodeState>> {
        ready(Ok(self.state().nodes.values().cloned().collect()))
    }
}
