//! Reading entities.

use gateway_store::StoreError;
use gateway_store::definitions::{
    Cursor, Document, Entity, EntityKind, EntityRef, FieldFilter, List, Loaded, Order, Page,
    Revision, SealedValue,
};

use crate::session::{Session, end};
use crate::statements::{
    GET, LIST_BY_NAME, LIST_NEWEST, LOAD_ALL, LOAD_SINCE, OLDEST_AUDIT, REMOVED_SINCE, REVISION,
    Statement,
};
use crate::value::{Row, Value};

/// The newest revision.
///
/// # Errors
/// Those of the database; so for all operations of this crate.
pub async fn revision<S: Session>(session: &mut S) -> Result<Revision, StoreError> {
    one_revision(session, &REVISION).await
}

pub(crate) async fn one_revision<S: Session>(
    session: &mut S,
    statement: &'static Statement,
) -> Result<Revision, StoreError> {
    let rows = session.run(statement, Vec::new()).await?;
    let row = rows.into_iter().next();
    let mut row =
        row.ok_or_else(|| StoreError::Damaged("the table `revision` has no row".to_owned()))?;
    row.number().map(Revision)
}

/// The configuration, or what changed after `since`: see `DefinitionStore::load`.
///
/// # Errors
/// Those of the database.
pub async fn load<S: Session>(
    session: &mut S,
    since: Option<Revision>,
) -> Result<Loaded, StoreError> {
    session.script(session.backend().begin_read()).await?;
    let outcome = load_inside(session, since).await;
    end(session, outcome).await
}

async fn load_inside<S: Session>(
    session: &mut S,
    since: Option<Revision>,
) -> Result<Loaded, StoreError> {
    let revision = revision(session).await?;
    let since = match since {
        Some(since) if is_recorded(session, since, revision).await? => Some(since),
        _ => None,
    };
    let Some(since) = since else {
        let rows = session.run(&LOAD_ALL, Vec::new()).await?;
        return Ok(Loaded {
            revision,
            whole: true,
            entities: entities(rows)?,
            removed: Vec::new(),
        });
    };
    let after = || vec![Value::number(since.0)];
    let changed = session.run(&LOAD_SINCE, after()).await?;
    let gone = session.run(&REMOVED_SINCE, after()).await?;
    Ok(Loaded {
        revision,
        whole: false,
        entities: entities(changed)?,
        removed: gone
            .into_iter()
            .map(|mut row| Ok(EntityRef::new(kind(&row.text()?)?, row.text()?)))
            .collect::<Result<_, StoreError>>()?,
    })
}

/// Whether the audit rows go back to `since`.
async fn is_recorded<S: Session>(
    session: &mut S,
    since: Revision,
    newest: Revision,
) -> Result<bool, StoreError> {
    if since >= newest {
        return Ok(since == newest);
    }
    let oldest = session.run(&OLDEST_AUDIT, Vec::new()).await?;
    match oldest.into_iter().next() {
        Some(mut row) => Ok(row.number()? <= since.next().0),
        None => Ok(false),
    }
}

/// One entity.
///
/// # Errors
/// Those of the database.
pub async fn get<S: Session>(
    session: &mut S,
    reference: &EntityRef,
) -> Result<Option<Entity>, StoreError> {
    let values = vec![reference.kind.as_str().into(), (&reference.id).into()];
    let rows = session.run(&GET, values).await?;
    rows.into_iter().next().map(entity).transpose()
}

/// One page of a kind.
///
/// # Errors
/// Those of the database.
pub async fn list<S: Session>(session: &mut S, list: &List) -> Result<Page, StoreError> {
    session.script(session.backend().begin_read()).await?;
    let outcome = list_inside(session, list).await;
    end(session, outcome).await
}

async fn list_inside<S: Session>(session: &mut S, list: &List) -> Result<Page, StoreError> {
    let revision = revision(session).await?;
    let after = list.after.clone();
    let after = after.unwrap_or_else(|| Cursor::start(list.order));
    let (statement, position) = match list.order {
        Order::Name => (&LIST_BY_NAME, after.name().into()),
        Order::Newest => (&LIST_NEWEST, Value::number(after.created_at())),
    };
    let field = list.field.as_ref();
    let values = vec![
        list.kind.as_str().into(),
        list.workspace.as_deref().into(),
        list.contains.as_deref().into(),
        field.map(FieldFilter::name).into(),
        field.map(FieldFilter::value).into(),
        position,
        after.id().into(),
        Value::number(u64::from(list.bounded_limit()) + 1),
    ];
    let rows = session.run(statement, values).await?;
    Ok(list.page(entities(rows)?, revision))
}

pub(crate) fn entities(rows: Vec<Row>) -> Result<Vec<Entity>, StoreError> {
    rows.into_iter().map(entity).collect()
}

pub(crate) fn entity(mut row: Row) -> Result<Entity, StoreError> {
    Ok(Entity {
        kind: kind(&row.text()?)?,
        id: row.text()?,
        workspace: row.text()?,
        name: row.text()?,
        document: Document::from_row(&row.text()?),
        sealed: sealed(&mut row)?,
        version: row.number()?,
        revision: Revision(row.number()?),
        created_by: row.optional_text()?,
        created_at: row.number()?,
        updated_by: row.optional_text()?,
        updated_at: row.number()?,
    })
}

fn sealed(row: &mut Row) -> Result<Option<SealedValue>, StoreError> {
    let (value, wrapped_key) = (row.optional_bytes()?, row.optional_bytes()?);
    match (value, wrapped_key, row.optional_text()?) {
        (None, None, None) => Ok(None),
        (Some(value), Some(wrapped_key), Some(kek)) => Ok(Some(SealedValue {
            value,
            wrapped_key,
            kek,
        })),
        _ => Err(StoreError::Damaged(
            "a sealed value lacks its data key or the id of its master key".to_owned(),
        )),
    }
}

pub(crate) fn kind(name: &str) -> Result<EntityKind, StoreError> {
    EntityKind::new(name).ok_or_else(|| {
        StoreError::Damaged("an entity has a kind that is no name of a kind".to_owned())
    })
}
