use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::{
    Action, AuditRow, Change, Commit, DefinitionStore, Entity, EntityKind, Revision, Snapshot,
};
use crate::{StoreError, StoreFuture};

type Entities = BTreeMap<(EntityKind, String), Arc<Entity>>;

/// A configuration in memory: for tests, and for a process that keeps none.
#[derive(Default)]
pub struct MemoryDefinitions(Mutex<State>);

#[derive(Default)]
struct State {
    revision: Revision,
    entities: Entities,
    audit: Vec<AuditRow>,
    followers: Vec<Waker>,
}

impl fmt::Debug for MemoryDefinitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDefinitions")
            .field("revision", &self.with(|state| state.revision))
            .finish_non_exhaustive()
    }
}

impl MemoryDefinitions {
    /// An empty configuration, of revision 0.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DefinitionStore for MemoryDefinitions {
    fn revision(&self) -> StoreFuture<'_, Revision> {
        Box::pin(async { Ok(self.with(|state| state.revision)) })
    }

    fn load(&self) -> StoreFuture<'_, Snapshot> {
        Box::pin(async { Ok(self.with(|state| state.snapshot())) })
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Revision> {
        Box::pin(async move { self.with(|state| state.commit(&commit)) })
    }

    fn changed(&self, known: Revision) -> StoreFuture<'_, Revision> {
        Box::pin(std::future::poll_fn(move |context| {
            self.with(|state| {
                if state.revision != known {
                    return Poll::Ready(Ok(state.revision));
                }
                let waker = context.waker();
                if !state.followers.iter().any(|known| known.will_wake(waker)) {
                    state.followers.push(waker.clone());
                }
                Poll::Pending
            })
        }))
    }

    fn audit(&self, number: u64, limit: usize) -> StoreFuture<'_, Vec<AuditRow>> {
        let rows = self.with(|state| {
            let later = state.audit.iter().filter(|row| row.number > number);
            later.take(limit).cloned().collect()
        });
        Box::pin(std::future::ready(Ok(rows)))
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        let mut entities: Vec<Arc<Entity>> = self.entities.values().cloned().collect();
        entities.sort_by(|a, b| (a.kind, &a.name, &a.id).cmp(&(b.kind, &b.name, &b.id)));
        Snapshot {
            revision: self.revision,
            entities,
        }
    }

    fn commit(&mut self, commit: &Commit) -> Result<Revision, StoreError> {
        if commit.expected != self.revision {
            return Err(StoreError::Conflict {
                what: "the configuration".to_owned(),
                expected: commit.expected.0,
                found: self.revision.0,
            });
        }
        if commit.changes.is_empty() {
            return Ok(self.revision);
        }
        // On a copy, so that a change that is refused takes back those before it.
        let mut entities = self.entities.clone();
        let mut rows = Vec::new();
        for change in &commit.changes {
            let (before, after) = apply(&mut entities, change, commit)?;
            rows.push((change, before, after));
        }
        let revision = Revision(self.revision.0.saturating_add(1));
        for (change, before, after) in rows {
            let number = u64::try_from(self.audit.len()).unwrap_or(u64::MAX);
            self.audit.push(AuditRow {
                number: number.saturating_add(1),
                at: commit.at,
                revision,
                author: commit.author.clone(),
                action: change.action.as_str().to_owned(),
                kind: change.kind,
                id: change.id.clone(),
                before: before.map(|entity| entity.spec.clone()),
                after: after.map(|entity| entity.spec.clone()),
            });
        }
        self.entities = entities;
        self.revision = revision;
        for follower in self.followers.drain(..) {
            follower.wake();
        }
        Ok(revision)
    }
}

type BeforeAndAfter = (Option<Arc<Entity>>, Option<Arc<Entity>>);

fn apply(
    entities: &mut Entities,
    change: &Change,
    commit: &Commit,
) -> Result<BeforeAndAfter, StoreError> {
    let label = format!("{} {}", change.kind, change.id);
    let key = (change.kind, change.id.clone());
    let before = entities.get(&key).cloned();
    let after = match &change.action {
        Action::Create {
            workspace,
            name,
            spec,
        } => {
            if before.is_some() {
                return Err(StoreError::Exists(label));
            }
            let who = commit.author.name.clone();
            Some(Entity {
                kind: change.kind,
                id: change.id.clone(),
                workspace: workspace.clone(),
                name: name.clone(),
                spec: spec.clone(),
                version: 1,
                created_by: who.clone(),
                created_at: commit.at,
                updated_by: who,
                updated_at: commit.at,
            })
        }
        Action::Replace {
            name,
            spec,
            expected,
        } => {
            let before = unchanged(before.as_deref(), *expected, &label)?;
            Some(Entity {
                name: name.clone(),
                spec: spec.clone(),
                version: before.version.saturating_add(1),
                updated_by: commit.author.name.clone(),
                updated_at: commit.at,
                ..before.clone()
            })
        }
        Action::Remove { expected } => {
            unchanged(before.as_deref(), *expected, &label)?;
            None
        }
    };
    let after = after.map(Arc::new);
    match &after {
        Some(entity) => {
            let taken = entities.values().any(|other| {
                other.kind == entity.kind
                    && other.id != entity.id
                    && other.workspace == entity.workspace
                    && other.name == entity.name
            });
            if taken {
                return Err(StoreError::Exists(format!(
                    "{} '{}'",
                    entity.kind, entity.name
                )));
            }
            entities.insert(key, Arc::clone(entity));
        }
        None => {
            entities.remove(&key);
        }
    }
    Ok((before, after))
}

/// The entity, if it is there and as it was read.
fn unchanged<'e>(
    entity: Option<&'e Entity>,
    expected: Option<u64>,
    label: &str,
) -> Result<&'e Entity, StoreError> {
    let entity = entity.ok_or_else(|| StoreError::NotFound(label.to_owned()))?;
    match expected {
        Some(expected) if expected != entity.version => Err(StoreError::Conflict {
            what: label.to_owned(),
            expected,
            found: entity.version,
        }),
        _ => Ok(entity),
    }
}
