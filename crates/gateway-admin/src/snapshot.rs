//! Everything that is stored, of one revision, and changes to it.

use std::sync::Arc;

use gateway_store::definitions::{
    Author, Document, Draft, Entity, EntityKind, Loaded, Revision, SealedValue, Write,
};
use serde_json::Value;

use crate::AdminError;

/// Everything that is stored, of one revision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// The revision that it is of.
    pub(crate) revision: Revision,
    entities: Vec<Arc<Entity>>,
}

impl From<Loaded> for Snapshot {
    fn from(loaded: Loaded) -> Self {
        Self {
            revision: loaded.revision,
            entities: loaded.entities.into_iter().map(Arc::new).collect(),
        }
    }
}

impl Snapshot {
    /// All entities of one kind.
    pub(crate) fn of(&self, kind: EntityKind) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities
            .iter()
            .filter(move |entity| entity.kind == kind)
    }

    /// One entity.
    pub(crate) fn find(&self, kind: &EntityKind, id: &str) -> Option<&Arc<Entity>> {
        self.entities
            .iter()
            .find(|entity| entity.kind == *kind && entity.id == id)
    }

    /// As it will be after these writes.
    pub(crate) fn after(&self, writes: &[Write], author: &Author, at: u64) -> Self {
        let mut after = self.clone();
        for write in writes {
            after.apply(write, author, at);
        }
        after
    }

    fn apply(&mut self, write: &Write, author: &Author, at: u64) {
        let reference = write.reference();
        let position = self
            .entities
            .iter()
            .position(|entity| entity.kind == reference.kind && entity.id == reference.id);
        match (write, position) {
            (Write::Create(draft), None) => {
                let created = (author.actor.clone(), at);
                self.entities
                    .push(Arc::new(entity(draft, 1, created, author, at)));
            }
            (Write::Replace { draft, .. }, Some(position)) => {
                if let Some(slot) = self.entities.get_mut(position) {
                    let created = (slot.created_by.clone(), slot.created_at);
                    *slot = Arc::new(entity(draft, slot.version + 1, created, author, at));
                }
            }
            (Write::Delete { .. }, Some(position)) => {
                self.entities.remove(position);
            }
            // The store refuses these.
            (Write::Create(_), Some(_)) | (Write::Replace { .. } | Write::Delete { .. }, None) => {}
        }
    }
}

/// A draft as the store will have it, but for the revision.
fn entity(
    draft: &Draft,
    version: u64,
    (created_by, created_at): (Option<String>, u64),
    author: &Author,
    at: u64,
) -> Entity {
    let draft = draft.clone();
    Entity {
        kind: draft.kind,
        id: draft.id,
        workspace: draft.workspace,
        name: draft.name,
        document: draft.document,
        sealed: draft.sealed,
        version,
        revision: Revision::default(),
        created_by,
        created_at,
        updated_by: author.actor.clone(),
        updated_at: at,
    }
}

/// Makes an entity.
///
/// # Errors
/// The document cannot be stored.
pub(crate) fn create(
    kind: EntityKind,
    id: &str,
    name: &str,
    document: &Value,
    sealed: Option<SealedValue>,
) -> Result<Write, AdminError> {
    let mut draft = Draft::new(kind, id, name, stored(document)?);
    draft.sealed = sealed;
    Ok(Write::Create(draft))
}

/// Replaces name and document of an entity, if it is still as it was read. Its credential stays.
///
/// # Errors
/// The document cannot be stored.
pub(crate) fn replace(entity: &Entity, name: &str, document: &Value) -> Result<Write, AdminError> {
    let mut draft = Draft::of(entity);
    name.clone_into(&mut draft.name);
    draft.document = stored(document)?;
    Ok(Write::Replace {
        draft,
        version: Some(entity.version),
    })
}

/// Removes an entity, if it is still as it was read.
pub(crate) fn remove(entity: &Entity) -> Write {
    Write::Delete {
        entity: entity.reference(),
        version: Some(entity.version),
    }
}

fn stored(document: &Value) -> Result<Document, AdminError> {
    Document::from_value(document).map_err(|error| AdminError::Invalid(error.to_string()))
}
