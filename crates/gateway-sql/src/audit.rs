//! Audit rows.

use gateway_store::StoreError;
use gateway_store::definitions::{
    Action, AuditPage, AuditQuery, AuditRow, Author, Document, EntityKind, EntityRef, Revision,
    verify_chain,
};

use crate::load::kind;
use crate::session::Session;
use crate::statements::{AUDIT_FROM, AUDIT_PAGE};
use crate::value::{Row, Value};

/// How many rows are read at once where all are read.
const BATCH: usize = 1000;

/// One page of audit rows: see `DefinitionStore::audit`.
///
/// # Errors
/// Those of the database.
pub async fn audit<S: Session>(
    session: &mut S,
    query: &AuditQuery,
) -> Result<AuditPage, StoreError> {
    let limit = query.bounded_limit();
    let values = vec![
        query.kind.as_ref().map(EntityKind::as_str).into(),
        query.id.as_ref().into(),
        query.actor.as_ref().into(),
        Value::number(query.from.unwrap_or(0)),
        Value::number(query.to.unwrap_or(u64::MAX)),
        Value::number(query.before.unwrap_or(u64::MAX)),
        Value::number(u64::from(limit) + 1),
    ];
    let mut rows = rows(session.run(&AUDIT_PAGE, values).await?)?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(AuditPage { rows, more })
}

/// Reads all audit rows and checks their chain; returns how many there are, and what is wrong with the first broken one.
///
/// # Errors
/// Those of the database.
pub async fn audit_chain<S: Session>(
    session: &mut S,
) -> Result<(usize, Option<String>), StoreError> {
    let mut count = 0;
    let mut last: Option<AuditRow> = None;
    loop {
        let from = last.as_ref().map_or(0, |row| row.number);
        let values = vec![Value::number(from), Value::number(BATCH as u64)];
        let batch = rows(session.run(&AUDIT_FROM, values).await?)?;
        count += batch.len();
        if let Err(broken) = verify_chain(last.iter().chain(&batch)) {
            return Ok((count, Some(broken.to_string())));
        }
        let full = batch.len() == BATCH;
        last = batch.into_iter().next_back().or(last);
        if !full {
            return Ok((count, None));
        }
    }
}

pub(crate) fn rows(rows: Vec<Row>) -> Result<Vec<AuditRow>, StoreError> {
    rows.into_iter().map(row).collect()
}

fn row(mut row: Row) -> Result<AuditRow, StoreError> {
    let document = |text: Option<String>| text.map(|text| Document::from_row(&text));
    Ok(AuditRow {
        number: row.number()?,
        at: row.number()?,
        revision: Revision(row.number()?),
        author: Author {
            actor: row.optional_text()?,
            source: row.optional_text()?,
            request_id: row.optional_text()?,
            reason: row.optional_text()?,
        },
        action: action(&row.text()?)?,
        entity: EntityRef::new(kind(&row.text()?)?, row.text()?),
        workspace: row.text()?,
        name: row.text()?,
        before: document(row.optional_text()?),
        after: document(row.optional_text()?),
        sealed_changed: row.number()? != 0,
        previous: row.hash()?,
        hash: row.hash()?,
    })
}

fn action(name: &str) -> Result<Action, StoreError> {
    Action::from_name(name)
        .ok_or_else(|| StoreError::Damaged("an audit row has an unknown action".to_owned()))
}

pub(crate) fn values_of(row: &AuditRow) -> Vec<Value> {
    let author = &row.author;
    vec![
        Value::number(row.number),
        Value::number(row.at),
        Value::number(row.revision.0),
        author.actor.as_ref().into(),
        author.source.as_ref().into(),
        author.request_id.as_ref().into(),
        author.reason.as_ref().into(),
        row.action.as_str().into(),
        row.entity.kind.as_str().into(),
        (&row.entity.id).into(),
        (&row.workspace).into(),
        (&row.name).into(),
        row.before.as_ref().map(Document::as_str).into(),
        row.after.as_ref().map(Document::as_str).into(),
        Value::Integer(i64::from(row.sealed_changed)),
        row.previous.as_slice().into(),
        row.hash.as_slice().into(),
    ]
}
