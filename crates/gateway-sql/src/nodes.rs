//! What processes report about themselves.

use gateway_store::StoreError;
use gateway_store::definitions::{NodeState, Revision};

use crate::session::Session;
use crate::statements::{HEARTBEAT, NODES};
use crate::value::{Row, Value};

/// Replaces the last report of a process.
///
/// # Errors
/// Those of the database.
pub async fn heartbeat<S: Session>(session: &mut S, node: &NodeState) -> Result<(), StoreError> {
    let values = vec![
        (&node.name).into(),
        (&node.app).into(),
        Value::number(node.seen_at),
        Value::number(node.revision.0),
        node.problem.as_ref().into(),
    ];
    session.run(&HEARTBEAT, values).await.map(drop)
}

/// The last report of every process, by name.
///
/// # Errors
/// Those of the database.
pub async fn nodes<S: Session>(session: &mut S) -> Result<Vec<NodeState>, StoreError> {
    let rows = session.run(&NODES, Vec::new()).await?;
    rows.into_iter().map(node).collect()
}

fn node(mut row: Row) -> Result<NodeState, StoreError> {
    Ok(NodeState {
        name: row.text()?,
        app: row.text()?,
        seen_at: row.number()?,
        revision: Revision(row.number()?),
        problem: row.optional_text()?,
    })
}
