//! Whether the content agrees with itself.

use gateway_store::StoreError;

use crate::audit::audit_chain;
use crate::load::{load, revision};
use crate::session::Session;
use crate::statements::NEWEST_ENTITY;

/// Reads everything and says what is wrong with it, a sentence each; nothing if all is well.
///
/// # Errors
/// Those of the database.
pub async fn check<S: Session>(session: &mut S) -> Result<Vec<String>, StoreError> {
    let mut findings = Vec::new();
    let newest = session.run(&NEWEST_ENTITY, Vec::new()).await?;
    let newest = newest.into_iter().next().map(|mut row| row.number());
    let (newest, revision) = (newest.transpose()?.unwrap_or(0), revision(session).await?);
    if newest > revision.0 {
        findings.push(format!(
            "an entity was written by revision {newest}, but the newest revision is {revision}"
        ));
    }
    for entity in load(session, None).await?.entities {
        let readable = entity
            .document
            .to_value()
            .is_ok_and(|value| value.is_object());
        if !readable {
            findings.push(format!(
                "the document of the {} is not a JSON object",
                entity.reference()
            ));
        }
    }
    let (_, broken) = audit_chain(session).await?;
    findings.extend(broken);
    Ok(findings)
}
