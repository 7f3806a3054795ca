//! Changing entities.

use gateway_store::StoreError;
use gateway_store::definitions::{
    AuditRow, Commit, Committed, Entity, EntityRef, Existing, Prepared, Remembered, Write, prepare,
};

use crate::audit;
use crate::load::{entity, one_revision};
use crate::session::{Backend, Session, end};
use crate::statements::{
    ANSWER, APPEND_AUDIT, AUDIT_OF, AUDIT_SINCE, FORGET_ANSWERS, GET, LAST_AUDIT, LOCK_REVISION,
    NOTIFY, OWNER, REMEMBER, REMOVE, SET_REVISION, STORE,
};
use crate::value::{Row, Value};

/// How many changes a conflict lists.
const LISTED_CHANGES: u64 = 100;

/// Makes a commit: see `DefinitionStore::commit`.
///
/// Shape: one transaction, serial by a lock on the revision. Entities that are replaced are deleted and inserted, so that
/// names can move between the entities of one commit.
///
/// # Errors
/// Those of the port.
pub async fn commit<S: Session>(session: &mut S, commit: &Commit) -> Result<Committed, StoreError> {
    commit.check()?;
    session.script(session.backend().begin_write()).await?;
    let outcome = commit_inside(session, commit).await;
    end(session, outcome).await
}

async fn commit_inside<S: Session>(
    session: &mut S,
    commit: &Commit,
) -> Result<Committed, StoreError> {
    let current = one_revision(session, &LOCK_REVISION).await?;
    if let Some(answer) = &commit.remember
        && let Some(answer) = recall(session, &answer.key, commit.at).await?
    {
        return Err(StoreError::Repeated(Box::new(answer)));
    }
    if commit.base != current {
        let values = vec![Value::number(commit.base.0), Value::number(LISTED_CHANGES)];
        let rows = audit::rows(session.run(&AUDIT_SINCE, values).await?)?;
        return Err(StoreError::Conflict {
            base: commit.base,
            current,
            changes: rows.iter().map(AuditRow::change).collect(),
        });
    }
    let existing = existing(session, commit).await?;
    let prepared = prepare(commit, &existing)?;
    write(session, commit, &prepared).await?;
    Ok(Committed {
        revision: prepared.revision,
        entities: prepared.stored,
    })
}

/// Reads what the commit is about.
async fn existing<S: Session>(session: &mut S, commit: &Commit) -> Result<Existing, StoreError> {
    let mut existing = Existing::default();
    let wanted: Vec<EntityRef> = commit.writes.iter().map(Write::reference).collect();
    let sets = wanted.iter().map(key_of).collect();
    for rows in session.run_each(&GET, sets).await? {
        for row in rows {
            let entity = entity(row)?;
            existing.entities.insert(entity.reference(), entity);
        }
    }
    let names: Vec<_> = commit.names().collect();
    let sets = names
        .iter()
        .map(|(kind, workspace, name)| vec![kind.as_str().into(), workspace.into(), name.into()]);
    let owners = session.run_each(&OWNER, sets.collect()).await?;
    for (name, rows) in names.into_iter().zip(owners) {
        if let Some(mut row) = rows.into_iter().next() {
            existing.owners.insert(name, row.text()?);
        }
    }
    let last = session.run(&LAST_AUDIT, Vec::new()).await?;
    if let Some(mut row) = last.into_iter().next() {
        existing.last_audit = (row.number()?, row.hash()?);
    }
    Ok(existing)
}

async fn write<S: Session>(
    session: &mut S,
    commit: &Commit,
    prepared: &Prepared,
) -> Result<(), StoreError> {
    let removed = prepared.removed.iter().map(key_of).collect();
    session.run_each(&REMOVE, removed).await?;
    let stored = prepared.stored.iter().map(values_of).collect();
    session.run_each(&STORE, stored).await?;
    let rows = prepared.audit.iter().map(audit::values_of).collect();
    session.run_each(&APPEND_AUDIT, rows).await?;
    let number = || vec![Value::number(prepared.revision.0)];
    session.run(&SET_REVISION, number()).await?;
    let at = vec![Value::number(commit.at)];
    session.run(&FORGET_ANSWERS, at).await?;
    if let Some(answer) = &commit.remember {
        session.run(&REMEMBER, answer_values(answer)).await?;
    }
    if session.backend() == Backend::Postgres {
        session.run(&NOTIFY, number()).await?;
    }
    Ok(())
}

fn key_of(reference: &EntityRef) -> Vec<Value> {
    vec![reference.kind.as_str().into(), (&reference.id).into()]
}

fn values_of(entity: &Entity) -> Vec<Value> {
    let sealed = entity.sealed.as_ref();
    vec![
        entity.kind.as_str().into(),
        (&entity.id).into(),
        (&entity.workspace).into(),
        (&entity.name).into(),
        entity.document.as_str().into(),
        sealed.map(|sealed| sealed.value.as_slice()).into(),
        sealed.map(|sealed| sealed.wrapped_key.as_slice()).into(),
        sealed.map(|sealed| &sealed.kek).into(),
        Value::number(entity.version),
        Value::number(entity.revision.0),
        entity.created_by.as_ref().into(),
        Value::number(entity.created_at),
        entity.updated_by.as_ref().into(),
        Value::number(entity.updated_at),
    ]
}

fn answer_values(answer: &Remembered) -> Vec<Value> {
    vec![
        (&answer.key).into(),
        answer.fingerprint.as_slice().into(),
        Value::number(u64::from(answer.status)),
        (&answer.body).into(),
        Value::number(answer.expires_at),
    ]
}

/// What was answered under an idempotency key.
///
/// # Errors
/// Those of the database.
pub async fn recall<S: Session>(
    session: &mut S,
    key: &str,
    now: u64,
) -> Result<Option<Remembered>, StoreError> {
    let rows = session
        .run(&ANSWER, vec![key.into(), Value::number(now)])
        .await?;
    rows.into_iter().next().map(answer).transpose()
}

fn answer(mut row: Row) -> Result<Remembered, StoreError> {
    Ok(Remembered {
        key: row.text()?,
        fingerprint: row.optional_bytes()?.unwrap_or_default(),
        status: u16::try_from(row.number()?).unwrap_or_default(),
        body: row.text()?,
        expires_at: row.number()?,
    })
}

/// Finds out whether a commit whose answer was lost was made. Takes the lock on the revision, so that a commit that is
/// still under way has ended before the answer.
///
/// # Errors
/// Those of the database.
pub async fn was_committed<S: Session>(
    session: &mut S,
    commit: &Commit,
) -> Result<Option<Committed>, StoreError> {
    session.script(session.backend().begin_write()).await?;
    let outcome = was_committed_inside(session, commit).await;
    end(session, outcome).await
}

async fn was_committed_inside<S: Session>(
    session: &mut S,
    commit: &Commit,
) -> Result<Option<Committed>, StoreError> {
    let revision = commit.base.next();
    if one_revision(session, &LOCK_REVISION).await? < revision {
        return Ok(None);
    }
    let rows = session
        .run(&AUDIT_OF, vec![Value::number(revision.0)])
        .await?;
    if !is_of(&audit::rows(rows)?, commit) {
        return Ok(None);
    }
    let sets = commit.writes.iter().map(|write| key_of(&write.reference()));
    let mut entities = Vec::new();
    for rows in session.run_each(&GET, sets.collect()).await? {
        for row in rows {
            entities.push(entity(row)?);
        }
    }
    Ok(Some(Committed { revision, entities }))
}

/// Whether these rows are the ones that the commit writes.
fn is_of(rows: &[AuditRow], commit: &Commit) -> bool {
    let same = |(row, write): (&AuditRow, &Write)| {
        let document = match write {
            Write::Create(draft) | Write::Replace { draft, .. } => Some(&draft.document),
            Write::Delete { .. } => None,
        };
        row.author == commit.author
            && row.at == commit.at
            && row.entity == write.reference()
            && row.after.as_ref() == document
    };
    rows.len() == commit.writes.len() && rows.iter().zip(&commit.writes).all(same)
}
