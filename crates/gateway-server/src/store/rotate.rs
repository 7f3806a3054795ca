//! Moving sealed credentials under another master key, beside servers that use them.

use std::collections::BTreeSet;

use gateway_secrets::{KekId, KeyRing, Sealed};
use gateway_store::StoreError;
use gateway_store::definitions::{
    Author, Commit, DefinitionStore, Draft, Entity, SealedValue, Write,
};

use super::{failure, keys, now};
use crate::Failure;

/// Credentials of each commit. Few, so that a server that changes something meanwhile is refused rarely.
const BATCH: usize = 50;

/// How often a commit is tried again because something else changed first.
const TRIES: usize = 1000;

/// Wraps the data key of every credential that names another key than the primary one; returns how many there were. What
/// is done stays done when it is interrupted; the next run does the rest.
pub(super) async fn rotate(store: &dyn DefinitionStore, ring: &KeyRing) -> Result<usize, Failure> {
    let mut moved = 0;
    let mut refused = 0;
    loop {
        let loaded = store.load(None).await.map_err(|error| failure(&error))?;
        check(&loaded.entities, ring)?;
        let outdated = loaded.entities.iter().filter_map(|entity| {
            let sealed = sealed(entity)?;
            ring.is_outdated(&sealed).then_some((entity, sealed))
        });
        let mut commit = Commit::new(loaded.revision, author(), now());
        for (entity, sealed) in outdated.take(BATCH) {
            commit = commit.with(rewrapped(entity, &sealed, ring)?);
        }
        let count = commit.writes.len();
        if count == 0 {
            return Ok(moved);
        }
        match store.commit(commit).await {
            Ok(_) => moved += count,
            Err(StoreError::Conflict { .. }) if refused < TRIES => refused += 1,
            Err(error) => return Err(failure(&error)),
        }
    }
}

/// Refuses keys that do not open everything, before anything is changed.
pub(super) async fn verify(
    store: &dyn DefinitionStore,
    source: &keys::Source,
) -> Result<(), Failure> {
    let loaded = store.load(None).await.map_err(|error| failure(&error))?;
    source
        .current()
        .map_or(Ok(()), |ring| check(&loaded.entities, &ring))
}

/// Drops the keys of the file that no credential names; returns how many.
pub(super) async fn drop_old(
    store: &dyn DefinitionStore,
    source: &keys::Source,
) -> Result<usize, Failure> {
    let loaded = store.load(None).await.map_err(|error| failure(&error))?;
    if let Some(ring) = source.current() {
        check(&loaded.entities, &ring)?;
    }
    let named: BTreeSet<KekId> = loaded
        .entities
        .iter()
        .filter_map(|entity| Some(sealed(entity)?.kek))
        .collect();
    let named: Vec<KekId> = named.into_iter().collect();
    source.keep(&named)
}

fn author() -> Author {
    Author {
        source: Some("command line".to_owned()),
        reason: Some("master key rotated".to_owned()),
        ..Author::default()
    }
}

/// Refuses before anything is changed if a credential cannot be opened.
fn check(entities: &[Entity], ring: &KeyRing) -> Result<(), Failure> {
    for entity in entities {
        let Some(sealed) = sealed(entity) else {
            continue;
        };
        if let Err(error) = ring.open(&entity.id, &entity.name, &sealed) {
            return Err(Failure::Refused(format!(
                "the {} `{}` cannot be opened: {error}. Nothing was changed.",
                entity.kind, entity.name
            )));
        }
    }
    Ok(())
}

fn rewrapped(entity: &Entity, sealed: &Sealed, ring: &KeyRing) -> Result<Write, Failure> {
    let moved = ring
        .rewrap(sealed)
        .map_err(|error| Failure::Broken(error.to_string()))?;
    let draft = Draft::of(entity).with_sealed(SealedValue {
        value: moved.value,
        wrapped_key: moved.wrapped_key,
        kek: moved.kek.as_str().to_owned(),
    });
    Ok(Write::Replace {
        draft,
        version: Some(entity.version),
    })
}

fn sealed(entity: &Entity) -> Option<Sealed> {
    let sealed = entity.sealed.as_ref()?;
    Some(Sealed {
        value: sealed.value.clone(),
        wrapped_key: sealed.wrapped_key.clone(),
        kek: KekId::from_row(&sealed.kek),
    })
}
