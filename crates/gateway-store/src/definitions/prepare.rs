//! What a commit makes of the state it meets: the one place that decides it, for every store.

use std::collections::{HashMap, HashSet};

use super::audit::{Action, AuditRow};
use super::change::{Commit, Draft, Write};
use super::entity::{Entity, EntityKind, EntityRef, Revision};
use crate::StoreError;

/// The most changes of one commit.
const MOST_WRITES: usize = 200_000;

/// The largest sealed credential, in bytes.
const LARGEST_SEALED: usize = 256 * 1024;

/// The largest answer that is remembered, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A name: kind, workspace, name.
pub type NameKey = (EntityKind, String, String);

/// What a store found for a commit: no more than the commit is about.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// The entities that the commit writes, if they are there.
    pub entities: HashMap<EntityRef, Entity>,
    /// The ids of the entities that have the names of the commit's drafts.
    pub owners: HashMap<NameKey, String>,
    /// Number and hash of the last audit row; zeros if there is none.
    pub last_audit: (u64, [u8; 32]),
}

/// What a store has to do for a commit: take `removed` out, put `stored` in, append `audit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The revision afterwards.
    pub revision: Revision,
    /// Entities to take out: those that are deleted or replaced.
    pub removed: Vec<EntityRef>,
    /// Entities to put in, in the order of the writes.
    pub stored: Vec<Entity>,
    /// Rows to append.
    pub audit: Vec<AuditRow>,
}

impl Commit {
    /// Checks everything about it that does not depend on the state of the store.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self) -> Result<(), StoreError> {
        if self.writes.len() > MOST_WRITES {
            let found = format!("{} changes", self.writes.len());
            return Err(invalid("writes", &found, "at most 200,000 in one commit"));
        }
        let mut seen = HashSet::new();
        for write in &self.writes {
            let entity = write.reference();
            check_text("id", &entity.id, 128)?;
            if let Write::Create(draft) | Write::Replace { draft, .. } = write {
                check_draft(draft)?;
            }
            if !seen.insert(entity.clone()) {
                let found = format!("two changes of the {entity}");
                return Err(invalid("writes", &found, "one change of an entity"));
            }
        }
        let author = &self.author;
        for text in [
            &author.actor,
            &author.source,
            &author.request_id,
            &author.reason,
        ] {
            text.as_ref()
                .map_or(Ok(()), |text| check_text("author", text, 1024))?;
        }
        if i64::try_from(self.at).is_err() {
            let found = self.at.to_string();
            return Err(invalid("at", &found, "milliseconds since 1970"));
        }
        let Some(answer) = &self.remember else {
            return Ok(());
        };
        check_text("idempotency key", &answer.key, 1024)?;
        if answer.body.len() > LARGEST_ANSWER || answer.body.contains('\0') {
            let found = format!("{} bytes", answer.body.len());
            return Err(invalid(
                "remembered answer",
                &found,
                "at most 1 MiB without U+0000",
            ));
        }
        Ok(())
    }

    /// The names its drafts want.
    pub fn names(&self) -> impl Iterator<Item = NameKey> + '_ {
        self.drafts().map(name_key)
    }

    fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.writes.iter().filter_map(|write| match write {
            Write::Create(draft) | Write::Replace { draft, .. } => Some(draft),
            Write::Delete { .. } => None,
        })
    }
}

fn name_key(draft: &Draft) -> NameKey {
    (
        draft.kind.clone(),
        draft.workspace.clone(),
        draft.name.clone(),
    )
}

fn check_draft(draft: &Draft) -> Result<(), StoreError> {
    check_text("name", &draft.name, 512)?;
    check_text("workspace", &draft.workspace, 128)?;
    let Some(sealed) = &draft.sealed else {
        return Ok(());
    };
    check_text("key-encryption key", &sealed.kek, 128)?;
    if sealed.value.len() > LARGEST_SEALED || sealed.wrapped_key.len() > 1024 {
        let found = format!("{} bytes", sealed.value.len());
        return Err(invalid("sealed value", &found, "at most 256 KiB"));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), StoreError> {
    if text.is_empty() || text.len() > most || text.contains('\0') {
        let allowed = "text that is not empty, not too long (128 bytes for ids and workspaces, 512 for names, 1,024 for others) and has no U+0000";
        return Err(invalid(field, text, allowed));
    }
    Ok(())
}

fn invalid(field: &'static str, found: &str, allowed: &'static str) -> StoreError {
    StoreError::Invalid {
        field,
        found: format!("{:?}", found.chars().take(80).collect::<String>()),
        allowed,
    }
}

/// Decides what a checked commit makes of what is there. The caller has compared the revision, and looked for a
/// remembered answer.
///
/// # Errors
/// The first write that does not apply.
pub fn prepare(commit: &Commit, existing: &Existing) -> Result<Prepared, StoreError> {
    check_names(commit, existing)?;
    let mut prepared = Prepared {
        revision: commit.base.next(),
        removed: Vec::new(),
        stored: Vec::new(),
        audit: Vec::with_capacity(commit.writes.len()),
    };
    for write in &commit.writes {
        let reference = write.reference();
        let before = existing.entities.get(&reference);
        let (action, after) = apply(commit, write, before)?;
        if before.is_some() {
            prepared.removed.push(reference.clone());
        }
        let row = audit_row(commit, &reference, action, (before, after.as_ref()));
        prepared.audit.push(row);
        prepared.stored.extend(after);
    }
    chain(&mut prepared.audit, existing.last_audit);
    Ok(prepared)
}

/// A name that an entity gives up in the same commit is free.
fn check_names(commit: &Commit, existing: &Existing) -> Result<(), StoreError> {
    let written: HashSet<EntityRef> = commit.writes.iter().map(Write::reference).collect();
    let mut wanted: HashMap<NameKey, &str> = HashMap::new();
    for draft in commit.drafts() {
        let key = name_key(draft);
        let owner = existing.owners.get(&key).map(String::as_str);
        let kept = owner.filter(|id| !written.contains(&EntityRef::new(draft.kind.clone(), *id)));
        if let Some(id) = kept.or_else(|| wanted.get(&key).copied()) {
            return Err(StoreError::NameTaken {
                kind: key.0,
                workspace: key.1,
                name: key.2,
                id: id.to_owned(),
            });
        }
        wanted.insert(key, &draft.id);
    }
    Ok(())
}

fn apply(
    commit: &Commit,
    write: &Write,
    before: Option<&Entity>,
) -> Result<(Action, Option<Entity>), StoreError> {
    let actor = &commit.author.actor;
    match (write, before) {
        (Write::Create(draft), Some(_)) => Err(StoreError::IdTaken(draft.reference())),
        (Write::Create(draft), None) => {
            let created = (actor.clone(), commit.at);
            Ok((Action::Create, Some(entity(commit, draft, 1, created))))
        }
        (Write::Replace { .. } | Write::Delete { .. }, None) => {
            Err(StoreError::NotFound(write.reference()))
        }
        (Write::Replace { draft, version }, Some(before)) => {
            check_version(before, *version)?;
            let created = (before.created_by.clone(), before.created_at);
            let after = entity(commit, draft, before.version.saturating_add(1), created);
            Ok((Action::Replace, Some(after)))
        }
        (Write::Delete { version, .. }, Some(before)) => {
            check_version(before, *version)?;
            Ok((Action::Delete, None))
        }
    }
}

fn check_version(before: &Entity, expected: Option<u64>) -> Result<(), StoreError> {
    match expected {
        Some(expected) if expected != before.version => Err(StoreError::Stale {
            entity: before.reference(),
            expected,
            found: before.version,
            updated_by: before.updated_by.clone(),
            updated_at: before.updated_at,
        }),
        _ => Ok(()),
    }
}

fn entity(commit: &Commit, draft: &Draft, version: u64, created: (Option<String>, u64)) -> Entity {
    Entity {
        kind: draft.kind.clone(),
        id: draft.id.clone(),
        workspace: draft.workspace.clone(),
        name: draft.name.clone(),
        document: draft.document.clone(),
        sealed: draft.sealed.clone(),
        version,
        revision: commit.base.next(),
        created_by: created.0,
        created_at: created.1,
        updated_by: commit.author.actor.clone(),
        updated_at: commit.at,
    }
}

fn audit_row(
    commit: &Commit,
    reference: &EntityRef,
    action: Action,
    (before, after): (Option<&Entity>, Option<&Entity>),
) -> AuditRow {
    let sealed = |entity: Option<&Entity>| entity.and_then(|entity| entity.sealed.clone());
    let named = after.or(before);
    AuditRow {
        number: 0,
        at: commit.at,
        revision: commit.base.next(),
        author: commit.author.clone(),
        action,
        entity: reference.clone(),
        workspace: named
            .map(|entity| entity.workspace.clone())
            .unwrap_or_default(),
        name: named.map(|entity| entity.name.clone()).unwrap_or_default(),
        before: before.map(|entity| entity.document.clone()),
        after: after.map(|entity| entity.document.clone()),
        sealed_changed: sealed(before) != sealed(after),
        previous: [0; 32],
        hash: [0; 32],
    }
}

fn chain(rows: &mut [AuditRow], (mut number, mut previous): (u64, [u8; 32])) {
    for row in rows {
        number = number.saturating_add(1);
        row.number = number;
        row.previous = previous;
        row.hash = row.expected_hash();
        previous = row.hash;
    }
}
